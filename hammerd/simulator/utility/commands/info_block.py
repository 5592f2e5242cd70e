"""Prints the info block of a PFS and parses the `name=value` words that set it.

See docs/hammer.md 3.3, 3.4.
"""

import os

from hammerd.simulator.kernel.file_system.pfs_info import NIL_UUID, PfsInfo
from hammerd.simulator.kernel.ioctls.pfs import OpenPfs
from hammerd.simulator.runtime import console
from hammerd.simulator.runtime.console import CommandError, CommandExit, write_stderr, write_stdout
from hammerd.simulator.utility.arguments.options import number_and_suffix

DAY_S = 24 * 3600
FIRST_VERSION_WITH_VAR_HAMMER = 3
TEXT_BYTES = 64
"""The longest label or path, with the zero at its end."""
LONGEST_S = 0x7FFFFFFF
_UUID_DASHES = (8, 13, 18, 23)
_UUID_CHARACTERS = 36
_HEX = "0123456789abcdef"


def print_info_block(pfs: OpenPfs, info: PfsInfo) -> None:
    """Print the info block of a PFS, as pfs-status does."""
    for line in _lines(info, int(pfs.fs.volume()["version"])):
        write_stdout(f"    {line}\n")


def _lines(info: PfsInfo, version: int) -> list[str]:
    lines = [
        f"sync-beg-tid={info.sync_beg_tid:#018x}",
        f"sync-end-tid={info.sync_end_tid:#018x}",
        f"shared-uuid={info.shared_uuid}",
        f"unique-uuid={info.unique_uuid}",
        f'label="{info.label}"',
    ]
    if info.snapshots:
        lines.append(f'snapshots="{info.snapshots}"')
    lines.append(f"prune-min={_prune_min_text(info.prune_min_s)}")
    lines.append(f"operating as a {'SLAVE' if info.is_slave else 'MASTER'}")
    if not info.snapshots:
        lines.append(_default_snapshots(info, version))
    return lines


def _prune_min_text(seconds: int) -> str:
    days, rest = divmod(seconds, DAY_S)
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    if not days:
        return clock
    return f"{days}d/{clock}" if rest else f"{days}d"


def _default_snapshots(info: PfsInfo, version: int) -> str:
    if version >= FIRST_VERSION_WITH_VAR_HAMMER:
        return "snapshots directory defaults to /var/hammer/<pfs>"
    if info.is_slave:
        return "snapshots directory not set for slave"
    return "snapshots directory for master defaults to <pfs>/snapshots"


def apply_options(info: PfsInfo, words: list[str]) -> None:
    """Set the fields that the words name; raises CommandError at the first bad word."""
    for word in words:
        name, assignment, value = word.partition("=")
        if not assignment:
            raise CommandError(f"option {name} requires an assignment")
        _apply(info, name, value)


def _apply(info: PfsInfo, name: str, value: str) -> None:
    if name in ("sync-beg-tid", "sync-end-tid"):
        tid = number_and_suffix(value, 16)[0] % (1 << 64)
        setattr(info, name.replace("-", "_"), tid)
    elif name in ("shared-uuid", "unique-uuid"):
        setattr(info, name.replace("-", "_"), _uuid(name, value))
    elif name == "label":
        info.label = _label(value)
    elif name == "snapshots":
        info.snapshots = _snapshots(value)
    elif name == "snapshots-clear":
        info.snapshots = ""
    elif name == "prune-min":
        info.prune_min_s = _prune_min(value)
    else:
        raise CommandError(f"invalid option: {name}")


def _uuid(name: str, text: str) -> str:
    if not text:
        return NIL_UUID
    digits = text.lower().replace("-", "")
    dashes = tuple(i for i, char in enumerate(text) if char == "-")
    wrong = len(text) != _UUID_CHARACTERS or dashes != _UUID_DASHES
    if wrong or any(char not in _HEX for char in digits):
        raise CommandError(f"option {name}: error parsing uuid {text}")
    return text.lower()


def _label(text: str) -> str:
    if text.startswith('"'):
        if not text.endswith('"'):
            raise CommandError("option label: malformed string")
        text = text[1:-1]
    return os.fsdecode(os.fsencode(text)[: TEXT_BYTES - 1])


def _snapshots(text: str) -> str:
    if not text.startswith("/"):
        console.flush_stdout()
        write_stderr(f"option snapshots: '{text}' must be an absolute path\n")
        if not text:
            write_stderr("use 'snapshots-clear' to unset snapshots dir\n")
        raise CommandExit(1)
    length = len(os.fsencode(text))
    if length >= TEXT_BYTES:
        raise CommandError(f"option snapshots: path too long, {length} character limit")
    return text


def _prune_min(text: str) -> int:
    number, rest = number_and_suffix(text, 10)
    days, numbers = 0, [number]
    if number >= 0 and rest.startswith("d"):
        days, numbers = number, [0]
        rest = rest[1:]
        if rest.startswith("/"):
            numbers[0], rest = number_and_suffix(rest[1:], 10)
    while rest.startswith(":") and len(numbers) < 3:
        number, rest = number_and_suffix(rest[1:], 10)
        numbers.append(number)
    if rest or min(numbers) < 0:
        # hammer prints the value here, not the name of the option.
        form = "use Nd or [Nd/]hh[:mm[:ss]]"
        raise CommandError(f"option {text}: illegal time spec, {form}")
    hours, minutes, seconds = [*numbers, 0, 0][:3]
    return min(days * DAY_S + hours * 3600 + minutes * 60 + seconds, LONGEST_S)
