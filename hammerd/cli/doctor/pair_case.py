"""Defines a pair with all that is known of it, before its lines are judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hammerd.cli.check.endpoint_verdicts import EndpointFacts
from hammerd.cli.doctor.lines.findings import Finding
from hammerd.cli.doctor.system.machine import Machine
from hammerd.cli.doctor.system.other_streams import OtherStreams
from hammerd.core.api.free_space import FreeSpace
from hammerd.core.hammer.messages import Complaint
from hammerd.core.pair import probe_verdict
from hammerd.core.pair.probe_verdict import ProbeFailed, ProbeResult, ProbeTrouble
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.rotation.choice import judge_turn

MASTER, SLAVE = "master", "slave"


@dataclass(frozen=True, slots=True)
class PairEnd:
    """One end of a pair: its machine, its facts, and the free space of its file system.

    `ended_by` is a bad line about its host, after which the end cannot be tried.
    """

    name: str
    endpoint: Endpoint
    machine: Machine
    facts: EndpointFacts
    space: Callable[[], FreeSpace | Finding]
    ended_by: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """The names of its path."""
        return tuple(filter(None, dict.fromkeys((self.endpoint.path, self.facts.real))))

    @property
    def probe(self) -> ProbeResult | None:
        """The result of its pfs-status; a promoted slave is known by its softlink only."""
        link = self.facts.link
        if self.facts.probe is not None or link is None:
            return self.facts.probe
        is_promoted = self.name == SLAVE and link.is_master
        return probe_verdict.MasterByLink(link.pfs_id) if is_promoted else None

    @property
    def is_path_hanging(self) -> bool:
        """Whether a look at its path on this machine does not come back."""
        probe = self.facts.probe
        is_late = isinstance(probe, ProbeFailed) and probe.why is ProbeTrouble.PROBE_TIMEOUT
        return is_late and self.machine.host.shares_paths and not self.facts.real

    @property
    def complaint_name(self) -> str:
        """The name of the complaint of a failed pfs-status; empty without one."""
        why = self.probe.why if isinstance(self.probe, ProbeFailed) else None
        return why.name if isinstance(why, Complaint) else ""


@dataclass(frozen=True, slots=True)
class PairCase:
    """A pair with all that is known of it.

    `read_master` reads the master once more, after the slave. `streams` are those of this host
    under an empty name, and those of the other hosts by the name of their end. `warnings` are
    those of its paths, each with its hint.
    """

    pair: Pair
    master: PairEnd
    slave: PairEnd
    read_master: Callable[[], ProbeResult | None]
    streams: Mapping[str, OtherStreams | Finding] = field(default_factory=dict)
    warnings: tuple[tuple[str, str], ...] = ()

    @property
    def verdict(self) -> probe_verdict.ProbeVerdict:
        """The verdict of the daemon's probe."""
        return judge_turn(self.pair, self.master.probe, self.slave.probe)

    @property
    def is_slave_away(self) -> bool:
        """Whether the slave is away and takes turns with others, which is no fault."""
        verdict = judge_turn(self.pair, None, self.slave.probe)
        return isinstance(verdict, probe_verdict.AwaitMount) and probe_verdict.is_away(
            self.pair, verdict.cause
        )
