"""The `name=value` words of pfs-master, pfs-slave and pfs-update (HAMMER.md 4)."""

from __future__ import annotations

from hammerd.simulator.console import CommandError
from hammerd.simulator.kernel.pfs_info import NIL_UUID, PfsInfo
from hammerd.simulator.utility.pfs_block import DAY_S

LABEL_BYTES = 63
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
        setattr(info, name.replace("-", "_"), _leading_hex(value))
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


def _leading_hex(text: str) -> int:
    digits = text.lower().removeprefix("0x")
    end = next((i for i, char in enumerate(digits) if char not in _HEX), len(digits))
    return int(digits[:end] or "0", 16)


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
        if len(text) == 1 or not text.endswith('"'):
            raise CommandError("option label: malformed string")
        text = text[1:-1]
    return text[:LABEL_BYTES]


def _snapshots(text: str) -> str:
    if not text.startswith("/"):
        raise CommandError("option snapshots: path must be absolute")
    return text


def _prune_min(text: str) -> int:
    days_text, day, clock = text.rpartition("d")
    clock = clock.removeprefix("/")
    try:
        days = int(days_text) if day else 0
        parts = [int(part) for part in clock.split(":")] if clock else []
    except ValueError:
        raise CommandError("option prune-min: malformed time string") from None
    hours, minutes, seconds = [*parts, 0, 0, 0][:3]
    return days * DAY_S + hours * 3600 + minutes * 60 + seconds
