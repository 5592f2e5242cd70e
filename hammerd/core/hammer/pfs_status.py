"""Parses the output of `hammer pfs-status PATH ...`: one block for each path, in order.

    /Backup1/pfs/test<TAB>PFS#1 {
        sync-beg-tid=0x0000000000000001
        sync-end-tid=0x00000001005809d9
        shared-uuid=d0d6402b-e667-11f1-a43e-01301bb8a9f5
        unique-uuid=d0d64038-e667-11f1-a43f-01301bb8a9f5
        label=""
        prune-min=00:00:00
        operating as a MASTER
        snapshots directory defaults to /var/hammer/<pfs>
    }

The first path that fails ends the command; the blocks before it are complete (docs/hammer.md 3.3).
The form of 2009 (`PFS #1`, other words about snapshots, docs/hammer.md 3.3) is read as well.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hammerd.core.errors import BadOutput
from hammerd.core.tid import Tid, parse_tid

ROOT_PFS = 0
"""PFS#0 is a file system's root: always a master (docs/hammer.md 1.1)."""


@dataclass(frozen=True, slots=True)
class PfsStatus:
    """The status of one PFS.

    `path` is as it was given. A master's `sync_end_tid` is the last flushed TID of its whole file
    system, a slave's is the TID up to which it mirrors (docs/hammer.md 1.2).
    """

    path: str
    pfs_id: int
    sync_end_tid: Tid
    shared_uuid: str
    unique_uuid: str
    is_master: bool


_HEAD = re.compile(r"(?P<path>.*)\tPFS ?#(?P<pfs_id>\d{1,9}) \{\r?", re.DOTALL | re.ASCII)
_FIELD = re.compile(
    r"\s*(?:(?P<tid>sync-(?:beg|end)-tid)=0x(?P<hex>[0-9a-f]{1,16})"
    r"|(?P<uuid>(?:shared|unique)-uuid)=(?P<digits>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|operating as a (?P<role>MASTER|SLAVE))\s*",
    re.DOTALL | re.IGNORECASE,
)
_REQUIRED = ("sync-beg-tid", "sync-end-tid", "shared-uuid", "unique-uuid", "role")


def parse_pfs_status(text: str) -> tuple[PfsStatus, ...]:
    """Return every complete block; a block that the end of the text cuts off is left out.

    Raises:
        BadOutput: a block has an end but lacks a TID, a uuid or its role.
    """
    return tuple(_block(head, lines) for head, lines in _blocks(text.split("\n")))


def _blocks(lines: Sequence[str]) -> Iterator[tuple[re.Match[str], list[str]]]:
    head = None
    body: list[str] = []
    for line in lines:
        if found := _HEAD.fullmatch(line):
            head, body = found, []
        elif head and line.rstrip() == "}":
            yield head, body
            head = None
        else:
            body.append(line)


def _block(head: re.Match[str], lines: Sequence[str]) -> PfsStatus:
    fields = dict(_field(found) for line in lines if (found := _FIELD.fullmatch(line)))
    missing = [name for name in _REQUIRED if name not in fields]
    if missing:
        raise BadOutput(
            f"pfs-status of {head['path']} tells no {' and no '.join(missing)}",
            f'look at what "hammer pfs-status {head["path"]}" prints',
        )
    return PfsStatus(
        path=head["path"],
        pfs_id=int(head["pfs_id"]),
        sync_end_tid=parse_tid(fields["sync-end-tid"]),
        shared_uuid=fields["shared-uuid"].lower(),
        unique_uuid=fields["unique-uuid"].lower(),
        is_master=fields["role"].upper() == "MASTER",
    )


def _field(found: re.Match[str]) -> tuple[str, str]:
    name = found["tid"] or found["uuid"] or "role"
    values = ("hex", "digits", "role")
    return name.lower(), next(value for key in values if (value := found[key]) is not None)
