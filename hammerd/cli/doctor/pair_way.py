"""Tries the way of one pair, from the mounts of its master to the TID of its slave.

The rules are the daemon's own (core/pair/probe_verdict.py); a bad line has the name of their cause
and their hint, so hammerd(8) tells more about it.
"""

from functools import partial

from hammerd.cli.doctor.end_checks import examine_end
from hammerd.cli.doctor.lines.findings import (
    Block,
    Finding,
    Way,
    bad,
    not_tried,
    ok,
)
from hammerd.cli.doctor.pair_case import PairCase, PairEnd
from hammerd.cli.doctor.ssh.key_restriction import neighbour_finding
from hammerd.cli.doctor.system.boot import find_fstab
from hammerd.cli.doctor.system.other_streams import OtherStreams
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.pair import probe_verdict
from hammerd.core.pairs import Endpoint
from hammerd.core.tid import NEVER_MIRRORED

AHEAD_HINT = (
    "the slave holds TIDs that its master never had: was the master restored from a backup, or"
    ' is another master its source? See "diverged" in hammerd(8)'
)


def examine_pair(case: PairCase) -> Block:
    """Try the whole way of a pair."""
    ends = [examine_end(case, end) for end in (case.master, case.slave)]
    # An end that cannot be tried says nothing of the other one, but all of the pair.
    way = Way(ends[0].ended_by or ends[1].ended_by, [*ends[0].lines, *ends[1].lines])
    way.step("unique_uuid", partial(_unique_uuid, case))
    way.step("shared_uuid", partial(_shared_uuid, case))
    way.step("role", partial(_role, case))
    way.branch("tid", partial(_tid, case))
    way.branch("file_system", partial(_file_system, case))
    for end, end_way in zip((case.master, case.slave), ends, strict=True):
        way.aside("fstab", partial(_fstab, end, end_way), end.name)
    for end, end_way in zip((case.master, case.slave), ends, strict=True):
        if not (end.machine.is_open or end_way.ended_by):
            words = (end.machine, end.name, end.endpoint, case.pair.name)
            way.aside("neighbours", partial(neighbour_finding, *words), end.name)
    slave, real = case.slave.endpoint, case.slave.facts.real
    for name, streams in case.streams.items():
        _examine_streams(way, name, streams, (slave, real))
    title = f"{case.pair.name}: {case.pair.master} -> {case.pair.slave}"
    return way.block(title, pair=case.pair.name)


def _fstab(end: PairEnd, end_way: Way) -> Finding:
    """Judge what a boot mounts for an end; the other end does not matter."""
    if end_way.ended_by:
        return not_tried(f"see {end_way.ended_by}")
    return end.machine.if_open(partial(find_fstab, end.machine, end.paths))


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
