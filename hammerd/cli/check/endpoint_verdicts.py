"""What hammer says of a config's ends, judged as the daemon will judge it.

    swapped     the slave is a master, and the master a slave
    a root      the slave is PFS#0 of a file system, which can never be a slave
    the rest    core/pair/probe_verdict.py: missing, another PFS's, a master, not HAMMER, not
                to be read

`hammerd check` tells it, as warnings: a file system may be mounted by the time hammerd starts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from hammerd.core.errors import Fault
from hammerd.core.hammer.pfs_links import LinkedPfs
from hammerd.core.hammer.pfs_status import ROOT_PFS, PfsStatus
from hammerd.core.pair.probe_verdict import (
    AwaitMount,
    EndpointSeen,
    Go,
    Park,
    ProbeVerdict,
    Retry,
    verdict_of,
)
from hammerd.core.pairs import Endpoint, Pair


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """What is known of a local end: by its softlink, by pfs-status; None was not told.

    `real` is its path without any link on the way, empty where nobody could look.
    """

    link: LinkedPfs | None = None
    seen: EndpointSeen | None = None
    real: str = ""

    @property
    def is_master(self) -> bool | None:
        """Whether it is a master, None where nothing tells."""
        if self.link is not None:
            return self.link.is_master
        return self.seen.is_master if isinstance(self.seen, PfsStatus) else None


Asked = Mapping[str, EndpointFacts]
"""What is known of the local ends, by the path of the config."""

_UNKNOWN = EndpointFacts()


def streaming_warnings(pairs: tuple[Pair, ...], asked: Asked) -> tuple[Fault, ...]:
    """Find what would keep the enabled pairs from streaming, as the ends are now."""
    found = (_of_pair(pair, asked) for pair in pairs if pair.enabled)
    return tuple(fault for each in found for fault in each)


def _of_pair(pair: Pair, asked: Asked) -> Iterator[Fault]:
    master, slave = _end(pair.master, asked), _end(pair.slave, asked)
    if slave.link is not None and slave.real and slave.real == master.real:
        # One PFS by two names: core/config/path_warnings.py tells it.
        return
    if slave.is_master and master.is_master is False:
        yield _swapped(pair)
    elif isinstance(slave.seen, PfsStatus) and slave.seen.pfs_id == ROOT_PFS:
        yield _root(pair)
    elif slave.is_master and slave.seen is None:
        yield _promoted(pair)
    else:
        yield from _judged(pair, verdict_of(pair, master.seen, slave.seen))


def _end(end: Endpoint, asked: Asked) -> EndpointFacts:
    return _UNKNOWN if end.is_remote else asked.get(end.path, _UNKNOWN)


def _swapped(pair: Pair) -> Fault:
    what = "has its ends swapped: the slave is a master, and the master a slave"
    hint = f'write master = "{pair.slave}" and slave = "{pair.master}"'
    return Fault(f"pairs.{pair.name}", what, hint=hint)


def _promoted(pair: Pair) -> Fault:
    hint = (
        "is the path right? If it was promoted on purpose, swap master and slave;"
        ' otherwise "hammerd status" tells how to make it anew once the pair is parked'
    )
    return Fault(f"pairs.{pair.name}.slave", "is a master", f'"{pair.slave}"', hint)


def _root(pair: Pair) -> Fault:
    what = "is the root of a HAMMER file system (PFS#0), which can never be a slave"
    hint = (
        'name the softlink of a PFS made with "hammer pfs-slave"; if the path is that of a null'
        " mount, it is not mounted"
    )
    return Fault(f"pairs.{pair.name}.slave", what, f'"{pair.slave}"', hint)


def _judged(pair: Pair, judgement: ProbeVerdict) -> Iterator[Fault]:
    match judgement:
        case Go():
            return
        case Park():
            what = f"would be parked: {judgement.cause}"
        case AwaitMount():
            what = f"would wait for a mount: {judgement.cause}"
        case Retry():
            what = f"could not stream now: {judgement.cause}"
        case _:
            assert_never(judgement)
    yield Fault(f"pairs.{pair.name}", what, hint=judgement.hint)
