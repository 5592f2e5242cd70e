"""Tries the way of one pair, from the mounts of its master to the TID of its slave.

The rules are the daemon's own (core/pair/probe_verdict.py); a bad line has the name of their cause
and their hint, so hammerd(8) tells more about it.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from hammerd.cli.check.endpoint_verdicts import EndpointFacts
from hammerd.cli.doctor.boot import find_fstab, find_mount
from hammerd.cli.doctor.findings import (
    NEEDS_ROOT,
    Block,
    Finding,
    Way,
    bad,
    not_tried,
    ok,
)
from hammerd.cli.doctor.machine import Machine
from hammerd.cli.doctor.other_streams import OtherStreams
from hammerd.core.api.free_space import FreeSpace, is_short
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair import probe_verdict
from hammerd.core.pair.probe_verdict import ProbeFailed, ProbeResult
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import NEVER_MIRRORED

MASTER, SLAVE = "master", "slave"

_PATH_CAUSES = frozenset(
    {"file_system_missing", "pfs_missing", "link_target_missing", "path_missing", "slave_missing"}
)
_RIGHTS = frozenset({"permission_denied", "root_needed"})
SPACE_HINT = 'a full slave stops its mirror: "hammer cleanup" it, or drop old snapshots'
AHEAD_HINT = (
    "the slave holds TIDs that its master never had: was the master restored from a backup, or"
    ' is another master its source? See "diverged" in hammerd(8)'
)


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
        return probe_verdict.verdict_of(self.pair, self.master.probe, self.slave.probe)


def examine_pair(case: PairCase) -> Block:
    """Try the whole way of a pair."""
    way = Way()
    for end in (case.master, case.slave):
        _examine_end(way, case, end)
    way.step("unique_uuid", partial(_unique_uuid, case))
    way.step("shared_uuid", partial(_shared_uuid, case))
    way.step("role", partial(_role, case))
    way.branch("tid", partial(_tid, case))
    way.branch("file_system", partial(_file_system, case))
    for end in (case.master, case.slave):
        find = partial(find_fstab, end.machine, end.paths)
        way.branch("fstab", partial(end.machine.if_open, find), end.name)
    slave, real = case.slave.endpoint, case.slave.facts.real
    for name, streams in case.streams.items():
        _examine_streams(way, name, streams, (slave, real))
    title = f"{case.pair.name}: {case.pair.master} -> {case.pair.slave}"
    return way.block(title, pair=case.pair.name)


def _examine_streams(
    way: Way, end: str, streams: OtherStreams | Finding, slave: tuple[Endpoint, str]
) -> None:
    if isinstance(streams, Finding):
        way.aside("crontab", lambda: streams, end)
        return
    way.aside("crontab", partial(streams.crontab_finding, *slave), end)
    # A writer over there may be the half of hammerd's own stream.
    if not end:
        way.aside("stream", partial(streams.running_finding, *slave))


def _examine_end(way: Way, case: PairCase, end: PairEnd) -> None:
    if end.ended_by:
        way.step("host", lambda: not_tried(f"see {end.ended_by}", ends_way=True), end.name)
    find = partial(find_mount, end.machine, end.paths)
    way.step("mount", partial(end.machine.if_open, find), end.name)
    way.step("path", partial(_path, case, end), end.name)
    way.step("pfs", partial(_pfs, case, end), end.name)
    if end is case.slave:
        way.branch("space", partial(_space, end), end.name)


# --- one end ---------------------------------------------------------------------------------


def _path(case: PairCase, end: PairEnd) -> Finding:
    obstacle = _obstacle(case, end)
    if obstacle is not None and obstacle.cause in _PATH_CAUSES:
        return bad(obstacle.cause, obstacle.hint)
    if isinstance(end.probe, ProbeFailed) and end.probe.detail:
        return bad(str(end.probe.why), end.probe.detail)
    if end.facts.real == "" and end.machine.host.shares_paths:
        return not_tried("a path before it does not come back", ends_way=True)
    link = end.facts.link
    return ok(f"the softlink of PFS#{link.pfs_id}" if link else "is there")


def _pfs(case: PairCase, end: PairEnd) -> Finding:
    if end.probe is None:
        return not_tried("see this host: hammer", ends_way=True)
    obstacle = _obstacle(case, end)
    if obstacle is not None:
        if _lacks_rights(end.probe):
            return not_tried(NEEDS_ROOT, ends_way=True)
        return bad(obstacle.cause, obstacle.hint)
    if isinstance(end.probe, PfsStatus):
        role = "a master" if end.probe.is_master else "a slave"
        return ok(f"PFS#{end.probe.pfs_id}, {role}, TID {end.probe.sync_end_tid:#018x}")
    return ok("a master by its softlink")


def _obstacle(
    case: PairCase, end: PairEnd
) -> probe_verdict.AwaitMount | probe_verdict.Park | probe_verdict.Retry | None:
    """Return what the daemon would find at this end alone; None if nothing."""
    master = case.master.probe if end is case.master else None
    slave = case.slave.probe if end is case.slave else None
    verdict = probe_verdict.verdict_of(case.pair, master, slave)
    if isinstance(verdict, probe_verdict.Go):
        return _missing_mount(case, end)
    is_read = slave is not None and not isinstance(slave, ProbeFailed)
    return None if isinstance(verdict, probe_verdict.Park) and is_read else verdict


def _missing_mount(case: PairCase, end: PairEnd) -> probe_verdict.AwaitMount | None:
    """Return the missing null mount of a master, which shows beside its slave only."""
    if end is case.master and isinstance(case.verdict, probe_verdict.AwaitMount):
        seen = {
            each.endpoint: each.probe
            for each in (case.master, case.slave)
            if each.probe is not None
        }
        if end.endpoint in probe_verdict.unmounted_endpoints((case.pair,), seen):
            return case.verdict
    return None


def _lacks_rights(probe: ProbeResult) -> bool:
    name = getattr(probe.why, "name", "") if isinstance(probe, ProbeFailed) else ""
    return os.geteuid() != 0 and name in _RIGHTS


def _space(end: PairEnd) -> Finding:
    free = end.space()
    if isinstance(free, Finding):
        return free
    what = f"{100 * free.share:.1f} % of its file system is free"
    return bad(what, SPACE_HINT) if is_short(free, was_short=False) else ok(what)


# --- both ends -------------------------------------------------------------------------------

_UNREAD = not_tried("not both ends were read: a promoted slave is left as it is")


def _unique_uuid(case: PairCase) -> Finding:
    master, slave = case.master.probe, case.slave.probe
    if not isinstance(master, PfsStatus) or not isinstance(slave, PfsStatus):
        return _UNREAD
    is_one = master.unique_uuid == slave.unique_uuid
    return _judged(case, ok("two PFSs")) if is_one else ok("two PFSs")


def _shared_uuid(case: PairCase) -> Finding:
    master, slave = case.master.probe, case.slave.probe
    if not isinstance(master, PfsStatus) or not isinstance(slave, PfsStatus):
        return _UNREAD
    are_kin = ok(master.shared_uuid)
    return are_kin if master.shared_uuid == slave.shared_uuid else _judged(case, are_kin)


def _role(case: PairCase) -> Finding:
    pair = case.pair
    if case.slave.facts.is_master and case.master.facts.is_master is False:
        hint = f'write master = "{pair.slave}" and slave = "{pair.master}"'
        return bad("the ends are swapped: the slave is a master, and the master a slave", hint)
    return _judged(case, ok("the slave is a slave"))


def _judged(case: PairCase, otherwise: Finding) -> Finding:
    """Return the daemon's verdict as a fault, another finding if it would stream."""
    verdict = case.verdict
    if isinstance(verdict, probe_verdict.Go):
        return otherwise
    return bad(verdict.cause, verdict.hint)


def _tid(case: PairCase) -> Finding:
    slave = case.slave.probe
    if not isinstance(slave, PfsStatus):
        return _UNREAD
    if slave.sync_end_tid == NEVER_MIRRORED:
        return ok("the slave was never mirrored")
    verdict = case.verdict
    if isinstance(verdict, probe_verdict.Go) and verdict.ahead:
        # The master may have been read first, and a commit may have come in between.
        again = case.read_master()
        if isinstance(again, PfsStatus) and slave.sync_end_tid > again.sync_end_tid:
            what = f"the slave's TID {slave.sync_end_tid:#018x} is ahead of its master's"
            return bad(f"{what} {again.sync_end_tid:#018x}", AHEAD_HINT)
    return ok("the slave is not ahead")


def _file_system(case: PairCase) -> Finding:
    for what, hint in case.warnings:
        return bad(what, hint)
    return ok("nothing against the two paths")
