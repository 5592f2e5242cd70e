"""What is hardly meant of a config's ends as they stand on the disk; `hammerd check` tells it.

    one file system   a mirror within it moves the TID that it follows, and never rests
    an alias          two names of one PFS, which no comparison of names can see

Nothing is said of an end that is not there, or is on another host: a config is checked elsewhere
and before its disks are mounted, too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname

from hammerd.core.errors import Fault
from hammerd.core.pairs import Endpoint, Pair

SAME_FILE_SYSTEM_HINT = "each copy moves the TID that it follows; mirror to a PFS on another disk"


@dataclass(frozen=True, slots=True)
class PfsLink:
    """A PFS softlink on the disk: its path without any link on the way, and its device.

    `device` is None where devices do not tell one HAMMER file system from another.
    """

    path: str
    device: int | None = None


Links = Mapping[str, PfsLink]
"""The PFS softlinks that were found, by the local path of the config."""


def endpoint_warnings(pairs: tuple[Pair, ...], links: Links) -> tuple[Fault, ...]:
    """Find what is hardly meant, of the pairs that are enabled."""
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
    # A softlink leads to a PFS of the file system that it stands on, and to no other.
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
        # Of one and the same name it is a fault of the config, and told as such.
        if owner.slave != pair.slave:
            what = f'is the slave of pair "{owner.name}", by another path'
            hint = "two streams onto one slave move its TID backwards: disable one of the pairs"
            yield Fault(f"pairs.{pair.name}.slave", what, f'"{pair.slave}"', hint)


def _link(end: Endpoint, links: Links) -> PfsLink | None:
    return None if end.is_remote else links.get(end.path)
