"""The `name=value` words of pfs-master, pfs-slave and pfs-update (HAMMER.md 4)."""

from __future__ import annotations

import os

from hammerd.simulator import console
from hammerd.simulator.console import CommandError, CommandOver, complain
from hammerd.simulator.kernel.pfs_info import NIL_UUID, PfsInfo
from hammerd.simulator.utility.options import number_and_rest
from hammerd.simulator.utility.pfs_block import DAY_S

TEXT_BYTES = 64
"""What a label or a path holds, the end of a C string included."""
LONGEST_S = 0x7FFFFFFF
_UUID_DASHES = (8, 13, 18, 23)
_UUID_CHARACTERS = 36
_HEX = "0123456789abcdef"


def apply_options(info: PfsInfo, words: list[str]) -> None:
    """Change the info as the words say, or fail at the first bad one."""
    for word in words:
        name, assignment, value = word.partition("=")
        if not assignment:
            raise CommandError(f"option {name} requires an assignment")
        _apply(info, name, value)


def _apply(info: PfsInfo, name: str, value: str) -> None:
    if name in ("sync-beg-tid", "sync-end-tid"):
        tid = number_and_rest(value, 16)[0] % (1 << 64)
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
        console.flush()
        complain(f"option snapshots: '{text}' must be an absolute path\n")
        if not text:
            complain("use 'snapshots-clear' to unset snapshots dir\n")
        raise CommandOver(1)
    length = len(os.fsencode(text))
    if length >= TEXT_BYTES:
        raise CommandError(f"option snapshots: path too long, {length} character limit")
    return text


def _prune_min(text: str) -> int:
    number, rest = number_and_rest(text, 10)
    days, numbers = 0, [number]
    if number >= 0 and rest.startswith("d"):
        days, numbers = number, [0]
        rest = rest[1:]
        if rest.startswith("/"):
            numbers[0], rest = number_and_rest(rest[1:], 10)
    while rest.startswith(":") and len(numbers) < 3:
        number, rest = number_and_rest(rest[1:], 10)
        numbers.append(number)
    if rest or min(numbers) < 0:
        # The value stands where the other messages name the option.
        form = "use Nd or [Nd/]hh[:mm[:ss]]"
        raise CommandError(f"option {text}: illegal time spec, {form}")
    hours, minutes, seconds = [*numbers, 0, 0][:3]
    return min(days * DAY_S + hours * 3600 + minutes * 60 + seconds, LONGEST_S)
