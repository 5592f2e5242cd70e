"""Reads the text of a PFS softlink: its role, its TID and its number cost no process.

    @@-1:00001                   a master
    @@0x00000001005809d9:00001   a slave, and its sync-end-tid
    @@PFS00001                   as it was made: the kernel knows no such PFS now

The kernel translates the text when the link is read (docs/hammer.md 1.3).
"""

import re
from dataclasses import dataclass

from hammerd.core.tid import Tid, parse_tid

_TEXT = re.compile(r"@@(?:-1|0x(?P<tid>[0-9a-fA-F]{1,16})):(?P<pfs_id>\d{5,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class LinkedPfs:
    """What a PFS softlink says of its PFS; `tid` is a slave's sync-end-tid, None of a master."""

    pfs_id: int
    tid: Tid | None

    @property
    def is_master(self) -> bool:
        """Whether the PFS is a master."""
        return self.tid is None


def parse_link_text(text: str | None) -> LinkedPfs | None:
    """Return what a link's text says, None where it is no link to a PFS that is there."""
    found = _TEXT.fullmatch((text or "").rpartition("/")[2])
    if found is None:
        return None
    tid = found["tid"]
    return LinkedPfs(int(found["pfs_id"]), None if tid is None else parse_tid(tid))


def is_untranslated_link(text: str | None) -> bool:
    """Tell whether a link is one to a PFS that the kernel does not know: destroyed, or cut off."""
    return (text or "").rpartition("/")[2].startswith("@@PFS")
