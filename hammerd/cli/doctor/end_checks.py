"""Tries one end of a pair: the key, hammer, mounts, path and PFS, and the room of a slave."""

import os
from functools import partial

from hammerd.cli.doctor.lines.findings import (
    NEEDS_ROOT,
    Finding,
    Outcome,
    Way,
    bad,
    not_tried,
    ok,
)
from hammerd.cli.doctor.pair_case import PairCase, PairEnd
from hammerd.cli.doctor.ssh.key_restriction import key_finding
from hammerd.cli.doctor.system.boot import find_mount
from hammerd.cli.doctor.system.this_host import hammer_finding
from hammerd.core.api.free_space import is_short
from hammerd.core.hammer.hints import fit_hint
from hammerd.core.hammer.output_parser import find_cause
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair import probe_verdict
from hammerd.core.pair.probe_verdict import ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Pair

PATH_CAUSES = frozenset(
    {"file_system_missing", "pfs_missing", "link_target_missing", "path_missing", "slave_missing"}
)
_RIGHTS = frozenset({"permission_denied", "root_needed"})
SPACE_HINT = 'a full slave stops its mirror: "hammer cleanup" it, or drop old snapshots'


def examine_end(case: PairCase, end: PairEnd) -> Way:
    """Try all that one end needs by itself."""
    way = Way()
    if end.ended_by:
        way.step("host", lambda: not_tried(f"see {end.ended_by}", ends_way=True), end.name)
    if end.endpoint.host.needs_login:
        pair = case.pair.name
        way.step("key", partial(key_finding, end.machine, end.name, end.endpoint, pair), end.name)
        way.step(
            "hammer", partial(end.machine.if_open, partial(_far_hammer, case.pair, end)), end.name
        )
    if end is case.slave and case.is_slave_away:
        away = not_tried("away: another slave of the pair has its turn", ends_way=True)
        way.step("path", lambda: away, end.name)
        return way
    find = partial(find_mount, end.machine, end.paths)
    way.step("mount", partial(end.machine.if_open, find), end.name)
    way.step("path", partial(_path, case, end), end.name)
    way.step("pfs", partial(_pfs, case, end), end.name)
    if end is case.slave:
        way.branch("space", partial(_space, end), end.name)
    return way


def _far_hammer(pair: Pair, end: PairEnd) -> Finding:
    """Judge the hammer over there; only its own message tells that its shell finds none."""
    finding = hammer_finding(end.machine, "hammer", f"the hammer of {end.machine.name}")
    complaint = find_cause(end.machine.run_hammer("hammer", "-h").err)
    if finding.outcome is Outcome.BAD and complaint is not None:
        hint = fit_hint(complaint, pair, end.endpoint).hint
        return bad(f"{complaint.name}: {complaint.text}", hint)
    return finding


def _path(case: PairCase, end: PairEnd) -> Finding:
    obstacle = _obstacle(case, end)
    if obstacle is not None and obstacle.cause in PATH_CAUSES:
        return bad(obstacle.cause, obstacle.hint)
    if end.is_path_hanging:
        return bad(ProbeTrouble.PROBE_TIMEOUT, "its file system does not answer: see dmesg")
    if not end.machine.host.shares_paths:
        is_read = isinstance(end.probe, PfsStatus)
        return ok("is there") if is_read else not_tried(f"see {end.name} pfs")
    if end.facts.real == "":
        return not_tried("a path before it does not come back", ends_way=True)
    link = end.facts.link
    return ok(f"the softlink of PFS#{link.pfs_id}" if link else "is there")


def _pfs(case: PairCase, end: PairEnd) -> Finding:
    if end.probe is None:
        return not_tried("see this host: hammer", ends_way=True)
    obstacle = _obstacle(case, end)
    if obstacle is not None:
        if _lacks_rights(end):
            return not_tried(NEEDS_ROOT, ends_way=True)
        if end.complaint_name == "key_restricted" and not end.endpoint.host.is_probed:
            return not_tried("the key allows no pfs-status", ends_way=True)
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


def _lacks_rights(end: PairEnd) -> bool:
    """Return whether another user than root was refused, on this machine."""
    is_here = end.machine.host.shares_paths
    return is_here and os.geteuid() != 0 and end.complaint_name in _RIGHTS


def _space(end: PairEnd) -> Finding:
    free = end.space()
    if isinstance(free, Finding):
        return free
    what = f"{100 * free.share:.1f} % of its file system is free"
    return bad(what, SPACE_HINT) if is_short(free, was_short=False) else ok(what)
