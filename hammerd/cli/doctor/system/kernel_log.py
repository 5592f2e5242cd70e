"""Finds the complaints of HAMMER in the kernel's messages (dmesg).

    HAMMER(Backup1) Critical error inode=-1 error=5 while reading
    HAMMER(Backup1) Forcing read-only mode
    hammer_btree_extract: CRC DATA @ 9000000001234567/16384 FAILED

A master's record whose data fail their CRC is not mirrored, and neither hammer nor a status tells
of it: this log is the only trace (docs/hammer.md 6.3). Lines of a recovery at a mount are no
complaints, nor is that of a remount: `HAMMER: read-write -> read-only`.
"""

import re

from hammerd.cli.doctor.lines.findings import Finding, bad, ok
from hammerd.core.characters import printable

LONGEST_LINE = 160

_OF_HAMMER = re.compile(r"hammer", re.IGNORECASE)
_TROUBLE = re.compile(
    r"\bCRC\b|\berrors?\b|\bfail(?:ed|ure)?\b|Forcing read-only|\bcorrupt|\bdamaged\b|\bpanic\b"
    r"|\bbad\b|\bI/O\b",
    re.IGNORECASE,
)
_CRC = re.compile(r"\bCRC (?:DATA|B-TREE|FAILED|failure)\b")


def complaints(text: str) -> tuple[str, ...]:
    """Return the lines of dmesg in which HAMMER complains."""
    return tuple(line for line in text.splitlines() if _is_complaint(line))


def kernel_log_finding(text: str) -> Finding:
    """Judge what dmesg prints."""
    found = complaints(text)
    if not found:
        return ok("HAMMER complains of nothing in dmesg")
    last = printable(found[-1].strip()[:LONGEST_LINE])
    what = f"{len(found)} complaints of HAMMER in dmesg, the last: {last}"
    if len(found) == 1:
        what = f"HAMMER complains in dmesg: {last}"
    if any(_CRC.search(line) for line in found):
        return bad(
            what,
            "data on this disk are damaged, and a mirror silently leaves them out: compare the"
            " trees of master and slave, restore the files that differ, and look at smartctl",
        )
    return bad(what, "look at all of them in dmesg, and at smartctl of the disk")


def _is_complaint(line: str) -> bool:
    return bool(_CRC.search(line) or (_OF_HAMMER.search(line) and _TROUBLE.search(line)))
