"""Turns the facts about a config's endpoints into warnings, by the daemon's own rules.

    swapped     the slave is a master, and the master a slave
    a root      the slave is PFS#0 of a file system, which can never be a slave
    others      core/pair/probe_verdict.py: missing, another PFS's, a master, not HAMMER,
                unreadable

They are warnings, not faults: a file system may be mounted by the time hammerd starts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hammerd.core.errors import Fault
from hammerd.core.hammer.pfs_links import LinkedPfs
from hammerd.core.hammer.pfs_status import ROOT_PFS, PfsStatus
from hammerd.core.pair import probe_verdict
from hammerd.core.pair.probe_verdict import is_away
from hammerd.core.pairs import Pair
from hammerd.core.rotation.choice import judge_turn


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
        """Whether the endpoint is a master, None if unknown."""
        if self.link is not None:
            return self.link.is_master
        return self.probe.is_master if isinstance(self.probe, PfsStatus) else None


_UNKNOWN = EndpointFacts()
_ROOT_HINT = (
    'name the softlink of a PFS made with "hammer pfs-slave"; if the path is that of a null'
    " mount, it is not mounted"
)
_PROMOTED_HINT = (
    "is the path right? If it was promoted, make one end a fresh slave of the other:"
    ' "hammerd reseed PAIR" tells how'
)
_OUTCOMES: Mapping[type[probe_verdict.ProbeVerdict], str] = {
    probe_verdict.Go: "would stream",
    probe_verdict.Go: "",
    probe_verdict.Park: "would be parked",
    probe_verdict.AwaitMount: "would wait for a mount",
    probe_verdict.Retry: "could not stream now",
}


def streaming_warnings(
    pairs: tuple[Pair, ...], facts: Mapping[str, EndpointFacts]
) -> tuple[Fault, ...]:
    """Return warnings for each enabled pair that could not stream with its present endpoints.

    A pair whose slaves take turns comes once for each; one that is away is no mistake. `facts` are
    those about the local endpoints, by the path of the config.
    """
    found = (_warning_of(pair, facts) for pair in pairs if pair.enabled)
    return tuple(fault for fault in found if fault is not None)


def _warning_of(pair: Pair, facts: Mapping[str, EndpointFacts]) -> Fault | None:
    master, slave = (
        facts.get(endpoint.path, _UNKNOWN) if endpoint.host.shares_paths else _UNKNOWN
        for endpoint in (pair.master, pair.slave)
    )
    where, got = f"pairs.{pair.name}", f'"{pair.slave}"'
    if slave.link is not None and slave.real and slave.real == master.real:
        # One PFS with two names: core/config/path_warnings.py warns of it.
        return None
    if slave.is_master and master.is_master is False:
        what = "has its ends swapped: the slave is a master, and the master a slave"
        hint = f'write master = "{pair.slave}" and slave = "{pair.master}"'
        return Fault(where, what, hint=hint)
    if isinstance(slave.probe, PfsStatus) and slave.probe.pfs_id == ROOT_PFS:
        what = "is the root of a HAMMER file system (PFS#0), which can never be a slave"
        return Fault(f"{where}.slave", what, got, _ROOT_HINT)
    if slave.is_master and slave.probe is None:
        return Fault(f"{where}.slave", "is a master", got, _PROMOTED_HINT)
    verdict = judge_turn(pair, master.probe, slave.probe)
    if isinstance(verdict, probe_verdict.Go) or is_away(pair, verdict.cause):
        return None
    return Fault(where, f"{_OUTCOMES[type(verdict)]}: {verdict.cause}", hint=verdict.hint)
