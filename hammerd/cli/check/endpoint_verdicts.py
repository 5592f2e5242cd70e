"""Turns the facts about a config's endpoints into warnings, by the daemon's own rules.

    swapped     the slave is a master, and the master a slave
    a root      the slave is PFS#0 of a file system, which can never be a slave
    others      core/pair/probe_verdict.py: missing, another PFS's, a master, not HAMMER,
                unreadable

They are warnings, not faults: a file system may be mounted by the time hammerd starts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from hammerd.core.errors import Fault
from hammerd.core.hammer.pfs_links import LinkedPfs
from hammerd.core.hammer.pfs_status import ROOT_PFS, PfsStatus
from hammerd.core.pair import probe_verdict
from hammerd.core.pairs import Endpoint, Pair


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """Facts about a local endpoint: its softlink, and its pfs-status; None is unknown.

    `real` is its path without any link on the way, empty if unknown.
    """

    link: LinkedPfs | None = None
    probe: probe_verdict.ProbeResult | None = None
    real: str = ""

    @property
    def is_master(self) -> bool | None:
        """Whether it is a master, None if unknown."""
        if self.link is not None:
            return self.link.is_master
        return self.probe.is_master if isinstance(self.probe, PfsStatus) else None


FactsByPath = Mapping[str, EndpointFacts]
"""Facts about the local endpoints, by the path of the config."""

_UNKNOWN = EndpointFacts()


def streaming_warnings(pairs: tuple[Pair, ...], facts: FactsByPath) -> tuple[Fault, ...]:
    """Return warnings for each enabled pair that could not stream with its endpoints of now."""
    found = (_warnings_of(pair, facts) for pair in pairs if pair.enabled)
    return tuple(fault for each in found for fault in each)


def _warnings_of(pair: Pair, facts: FactsByPath) -> Iterator[Fault]:
    master, slave = _facts_of(pair.master, facts), _facts_of(pair.slave, facts)
    if slave.link is not None and slave.real and slave.real == master.real:
        # One PFS with two names: core/config/path_warnings.py warns of it.
        return
    if slave.is_master and master.is_master is False:
        yield _swapped(pair)
    elif isinstance(slave.probe, PfsStatus) and slave.probe.pfs_id == ROOT_PFS:
        yield _root(pair)
    elif slave.is_master and slave.probe is None:
        yield _promoted(pair)
    else:
        yield from _of_verdict(pair, probe_verdict.verdict_of(pair, master.probe, slave.probe))


def _facts_of(endpoint: Endpoint, facts: FactsByPath) -> EndpointFacts:
    return _UNKNOWN if endpoint.is_remote else facts.get(endpoint.path, _UNKNOWN)


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


def _of_verdict(pair: Pair, verdict: probe_verdict.ProbeVerdict) -> Iterator[Fault]:
    match verdict:
        case probe_verdict.Go():
            return
        case probe_verdict.Park():
            what = f"would be parked: {verdict.cause}"
        case probe_verdict.AwaitMount():
            what = f"would wait for a mount: {verdict.cause}"
        case probe_verdict.Retry():
            what = f"could not stream now: {verdict.cause}"
        case _:
            assert_never(verdict)
    yield Fault(f"pairs.{pair.name}", what, hint=verdict.hint)
