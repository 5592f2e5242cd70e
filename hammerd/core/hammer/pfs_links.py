"""Parses the text of a PFS softlink, which shows role, TID and number without a process.

    @@-1:00001                   a master
    @@0x00000001005809d9:00001   a slave, and its sync-end-tid
    @@PFS00001                   untranslated: the kernel does not have this PFS now

The kernel translates the text when the link is read (docs/hammer.md 1.3).
"""

import re
from dataclasses import dataclass

from hammerd.core.tid import Tid, parse_tid

_TEXT = re.compile(r"@@(?:-1|0x(?P<tid>[0-9a-fA-F]{1,16})):(?P<pfs_id>\d{5,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class LinkedPfs:
    """The PFS of a softlink; `tid` is a slave's sync-end-tid, None for a master."""

    pfs_id: int
    tid: Tid | None

    @property
    def is_master(self) -> bool:
        """Whether the PFS is a master."""
        return self.tid is None


def parse_link_text(text: str | None) -> LinkedPfs | None:
    """Return the PFS in a link's text, None if it is no translated link to a PFS."""
    found = _TEXT.fullmatch((text or "").rpartition("/")[2])
    if found is None:
        return None
    tid = found["tid"]
    return LinkedPfs(int(found["pfs_id"]), None if tid is None else parse_tid(tid))


def is_untranslated_link(text: str | None) -> bool:
    """Return whether a link is to a PFS that the kernel does not have: destroyed, or cut off."""
    return (text or "").rpartition("/")[2].startswith("@@PFS")
