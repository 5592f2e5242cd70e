"""Warns of likely mistakes in a config's endpoints as they are on the disk (`hammerd check`).

    one file system   a mirror within it moves the TID that it follows, and is never idle
    an alias          two paths of one PFS, which a comparison of paths cannot find

There is no warning about an endpoint that is missing or on another host: a config may be checked
on another machine, or before its disks are mounted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname

from hammerd.core.errors import Fault
from hammerd.core.pairs import Endpoint, Pair

SAME_FILE_SYSTEM_HINT = "each copy moves the TID that it follows; mirror to a PFS on another disk"


@dataclass(frozen=True, slots=True)
class PfsLink:
    """A PFS softlink on the disk: its path after all other links are resolved, and its device.

    `device` is None if devices do not distinguish the HAMMER file systems of this system.
    """

    path: str
    device: int | None = None


Links = Mapping[str, PfsLink]
"""The PFS softlinks that were found, by the local path in the config."""


def endpoint_warnings(pairs: tuple[Pair, ...], links: Links) -> tuple[Fault, ...]:
    """Find likely mistakes in the endpoints of the enabled pairs."""
    enabled = [pair for pair in pairs if pair.enabled]
    found = [fault for pair in enabled for fault in _within_a_pair(pair, links)]
    return (*found, *_shared_slaves(enabled, links))


def _within_a_pair(pair: Pair, links: Links) -> Iterator[Fault]:
    master, slave = _link(pair.master, links), _link(pair.slave, links)
    if master is None or slave is None:
        return
    where, shown = f"pairs.{pair.name}.slave", f'"{pair.slave}"'
    if master.path == slave.path:
        hint = 'point it at a PFS made with "hammer pfs-slave"'
        yield Fault(where, "is the same PFS as the master, by another path", shown, hint)
    elif _are_together(master, slave):
        yield Fault(where, "is on the master's own file system", shown, SAME_FILE_SYSTEM_HINT)


def _are_together(one: PfsLink, other: PfsLink) -> bool:
    # A softlink only leads to a PFS of the file system that contains the link.
    if dirname(one.path) == dirname(other.path):
        return True
    return one.device is not None and one.device == other.device


def _shared_slaves(pairs: list[Pair], links: Links) -> Iterator[Fault]:
    owners: dict[str, Pair] = {}
    for pair in pairs:
        link = _link(pair.slave, links)
        if link is None:
            continue
        owner = owners.setdefault(link.path, pair)
        # Two equal paths are a fault of the config, which is reported elsewhere.
        if owner.slave != pair.slave:
            what = f'is the slave of pair "{owner.name}", by another path'
            hint = "two streams onto one slave move its TID backwards: disable one of the pairs"
            yield Fault(f"pairs.{pair.name}.slave", what, f'"{pair.slave}"', hint)


def _link(endpoint: Endpoint, links: Links) -> PfsLink | None:
    return links.get(endpoint.path) if endpoint.host.shares_paths else None
