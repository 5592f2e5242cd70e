"""Converts the last role and uuids of endpoints to and from their form in state.json.

With them the next hammerd tells what changed at an end while none ran. What cannot be read is left
out: the only cost is that such a change is not told.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pairs import Endpoint
from hammerd.core.tid import Tid

LARGEST_PFS_ID = 65_535


@dataclass(frozen=True, slots=True)
class SavedEnd:
    """The PFS of the endpoint `end`; the fields are keys of the file."""

    end: str
    pfs_id: int
    shared_uuid: str
    unique_uuid: str
    is_master: bool


def saved_end(endpoint: Endpoint, status: PfsStatus) -> SavedEnd:
    """Return an endpoint as it is saved."""
    return SavedEnd(
        str(endpoint),
        status.pfs_id,
        status.shared_uuid,
        status.unique_uuid,
        status.is_master,
    )


def status_of(saved: Iterable[SavedEnd], endpoint: Endpoint) -> PfsStatus | None:
    """Return what an earlier run saved of an endpoint, without its TID; None for nothing."""
    for each in saved:
        if each.end == str(endpoint):
            return PfsStatus(
                endpoint.path,
                each.pfs_id,
                Tid(0),
                each.shared_uuid,
                each.unique_uuid,
                each.is_master,
            )
    return None


def parse_ends(value: object) -> tuple[SavedEnd, ...]:
    """Return the endpoints that can be read."""
    entries = value if isinstance(value, list) else []
    return tuple(end for entry in entries if (end := _parse(entry)) is not None)


def _parse(entry: object) -> SavedEnd | None:
    match entry:
        case {
            "end": str(end),
            "pfs_id": int(pfs_id),
            "shared_uuid": str(shared_uuid),
            "unique_uuid": str(unique_uuid),
            "is_master": bool(is_master),
        } if 0 < pfs_id <= LARGEST_PFS_ID:
            return SavedEnd(end, pfs_id, shared_uuid, unique_uuid, is_master)
        case _:
            return None
