"""Defines transaction ids (TIDs), the 64-bit numbers by which HAMMER orders all its writes.

A TID is not a time, and the TIDs of two file systems cannot be compared (docs/hammer.md 1.2). Only
the TIDs of one shared-uuid's master and slaves can: a slave's sync-end-tid is a TID of its master.
"""

from typing import NewType

Tid = NewType("Tid", int)

NEVER_MIRRORED = Tid(1)
"""The sync-end-tid of a new slave, before its first mirroring (docs/hammer.md 1.2)."""


def parse_tid(text: str) -> Tid:
    """Parse a TID in hex, with or without `0x`, as hammer and hammerd's JSON print it.

    Raises:
        ValueError: the text is not a hex number of at most 64 bits.
    """
    value = int(text, 16)
    if not 0 <= value < 1 << 64:
        raise ValueError(f"TID {text!r} does not fit in 64 bits")
    return Tid(value)


def format_tid(tid: Tid) -> str:
    """Format a TID as hammer's pfs-status does: `0x` and 16 lower-case digits."""
    return f"0x{tid:016x}"
