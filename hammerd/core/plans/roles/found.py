"""Describes the facts of a pair to a person: its ends, what is safe, and who writes to them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import assert_never

from hammerd.core.plans.roles.facts import (
    End,
    Loss,
    OpenFiles,
    PairFacts,
    Role,
    Writer,
    WriterKind,
)
from hammerd.core.plans.steps import Command, EndGroup, Reason, Retry, Step
from hammerd.core.tid import Tid, format_tid

TIDS_OF_A_DIRECTORY = 0x8000
"""The TIDs that HAMMER takes for the inodes of a new directory (docs/hammer.md 1.7)."""

MOST_DIRECTORIES = 10_000
"""The new directories above which another way is told as well."""

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def describe_end(name: str, end: End) -> str:
    """Return a line about an end: its role, its TIDs, or why it cannot be read."""
    shown = f"{name} {end.endpoint}"
    if end.link and end.link != end.endpoint.path:
        shown += f" (softlink {end.link})"
    if not end.is_alive:
        return f"{shown}: cannot be read: {end.trouble}"
    number = "" if end.pfs_id is None else f"PFS#{end.pfs_id}, "
    tid = f" at TID {format_tid(end.tid)}" if end.tid is not None else ""
    system = f"; TID of its file system {show_tid(end.system_tid)}"
    mounts = f"; null-mounted at {', '.join(end.mounts)}" if end.mounts else ""
    return f"{shown}: {number}a {end.role}{tid}{system}{mounts}"


def show_tid(tid: Tid | None) -> str:
    """Return a TID, or that it is not known."""
    return "unknown" if tid is None else format_tid(tid)


def show_time(wall_time: float, now_time: float) -> str:
    """Return a wall time to the second in UTC, with its day if that is not the day of now."""
    moment = datetime.fromtimestamp(wall_time, UTC)
    is_today = moment.date() == datetime.fromtimestamp(now_time, UTC).date()
    return f"{moment:%H:%M:%S} UTC" if is_today else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def show_span(seconds: float) -> str:
    """Return a span of time in words of its two largest units."""
    whole = max(0, round(seconds))
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S} h"


def describe_loss(facts: PairFacts) -> Iterator[str]:
    """Yield lines about what a promotion now would lose."""
    loss, now_time = _believed(facts), facts.now_time
    if loss.safe_until_time is not None:
        safe = show_time(loss.safe_until_time, now_time)
        yield f"everything flushed by {safe} is on the slave ({_source(loss, now_time)})"
    else:
        because = f": {loss.unknown_because}" if loss.unknown_because else ""
        yield f"by when everything is on the slave is not known{because}"
    parts = [part for part in (_lost_span(facts, loss), _lost_tids(facts)) if part]
    known = f"{', '.join(parts)}, " if parts else "nobody knows how much, "
    yield f"what would be lost: {known}{_unseen(facts)}and what the master had not flushed"


def _believed(facts: PairFacts) -> Loss:
    """Return the loss without what is no longer true of a slave that went back."""
    loss, tid = facts.loss, facts.slave.tid
    if tid is None or loss.slave_tid is None or tid >= loss.slave_tid:
        return loss
    because = f"the slave went back from TID {show_tid(loss.slave_tid)} to {show_tid(tid)}"
    return replace(loss, safe_until_time=None, unknown_because=because)


def _unseen(facts: PairFacts) -> str:
    """Return what a master that is gone may have taken since it was last read."""
    seen_time = facts.loss.seen_time
    if facts.master.is_alive or seen_time is None:
        return ""
    return f"what was written to the master after {show_time(seen_time, facts.now_time)}, "


def _source(loss: Loss, now_time: float) -> str:
    if loss.measured_time is None:
        return loss.source
    age = show_span(now_time - loss.measured_time)
    return f"{loss.source} of {show_time(loss.measured_time, now_time)}, {age} ago"


def _lost_span(facts: PairFacts, loss: Loss) -> str:
    """Return the span between what is safe and the last moment at which the master was seen."""
    if loss.safe_until_time is None:
        return ""
    end_time = facts.now_time if facts.master.is_alive else loss.seen_time
    return (
        "" if end_time is None else f"at most {show_span(end_time - loss.safe_until_time)} of work"
    )


def _lost_tids(facts: PairFacts) -> str:
    """Return the TIDs that the slave lacks, by the newest known TID of the master."""
    slave_tid = facts.slave.tid
    master_tid = facts.master.system_tid if facts.master.is_alive else facts.loss.master_tid
    if slave_tid is None or master_tid is None:
        return ""
    return f"{max(0, master_tid - slave_tid):,} TIDs"


def describe_rise(end: End, tid: Tid) -> str:
    """Return how a person makes the TIDs of an end's file system pass a TID."""
    missing = max(0, tid - (end.system_tid or 0))
    count = missing // TIDS_OF_A_DIRECTORY + 2
    host = end.endpoint.host
    there = "" if host.shares_paths else f" on {host.name}"
    rise = (
        f"raise them: make about {count:,} new directories with a file in each in"
        f" {end.directory}{there}, each takes 32,768 TIDs; then"
        f' "hammer synctid {end.directory}"'
    )
    if count <= MOST_DIRECTORIES:
        return rise
    return f"{rise}. If that is too many, copy the files with cpdup(1) to the master of a new pair"


def foreign_reasons(writers: tuple[Writer, ...]) -> tuple[Reason, ...]:
    """Return a reason for each stream that is not hammerd's."""
    return tuple(
        Reason(
            f"process group {each.pgid} writes to an end of the pair and is not hammerd's:"
            f" {each.command}",
            f'end it with "kill -TERM -- -{each.pgid}", and what started it',
        )
        for each in writers
        if each.kind is WriterKind.FOREIGN and not each.hangs
    )


def orphan_steps(facts: PairFacts) -> tuple[Step, ...]:
    """Return a step for each stream that a dead hammerd left."""
    return tuple(
        Step(
            f"end-stream-{each.pgid}",
            "end the stream that a dead hammerd left",
            EndGroup(each.pgid),
        )
        for each in facts.writers
        if each.kind is WriterKind.ORPHAN and not each.hangs
    )


def running_reasons(facts: PairFacts) -> tuple[Reason, ...]:
    """Return a reason for each stream that the running hammerd has not ended yet."""
    return tuple(
        Reason(
            f"the stream of hammerd, process group {each.pgid}, has not ended",
            'look at "hammerd status"; run this command again when it has ended',
        )
        for each in facts.writers
        if each.kind is WriterKind.RUNNING and not each.hangs
    )


def describe_writers(facts: PairFacts) -> Iterator[str]:
    """Yield a line for each process group that writes to an end of the pair."""
    if facts.others_unknown_because:
        yield f"other streams are not known: {facts.others_unknown_because}"
    for each in facts.writers:
        hangs = "; it hangs in the kernel and writes nothing more" if each.hangs else ""
        yield f"stream of process group {each.pgid}: {_owner(each)}{hangs}: {each.command}"
    if not facts.writers and not facts.others_unknown_because:
        yield "no stream writes to the slave"


def _owner(writer: Writer) -> str:
    match writer.kind:
        case WriterKind.RUNNING:
            return "hammerd ends it"
        case WriterKind.ORPHAN:
            return "a dead hammerd left it"
        case WriterKind.FOREIGN:
            return "not hammerd's: it must be ended first"
        case _:
            assert_never(writer.kind)


def describe_open_files(name: str, files: OpenFiles) -> Iterator[str]:
    """Yield a line for each process that holds files of an end."""
    if files.unknown_because:
        yield f"open files of the {name} are not known: {files.unknown_because}"
    for each in files.holders:
        yield f"open on the {name}: {each}"
    if not files.unknown_because and not files.holders:
        yield f"no process holds a file of the {name}"


def open_reasons(name: str, end: End) -> tuple[Reason, ...]:
    """Return a reason for each process that holds files of an end."""
    hint = 'end it, or let it go elsewhere: hammer would refuse with "Directory not empty"'
    return tuple(Reason(f"open on the {name}: {each}", hint) for each in end.open_files.holders)


def settled(end: End) -> Retry:
    """Return how hammer's refusal to change a role is met that has no open file as its cause.

    What was written in the last seconds is enough for it (docs/hammer.md 1.7).
    """
    return Retry("Directory not empty", ("hammer", "synctid", end.directory))


def umount_steps(end: End, purpose: str) -> Iterator[Step]:
    """Yield a step for each null mount of an end; one place may be mounted more than once."""
    for place in dict.fromkeys(end.mounts):
        for left in range(end.mounts.count(place), 0, -1):
            name = f"umount-{place}" if left == 1 else f"umount-{place}-{left}"
            command = Command(("umount", place), end.endpoint.host)
            way_back = ('"Device busy": fstat tells who is in it',)
            yield Step(name, purpose, command, way_back)


def mount_reasons(end: End) -> tuple[Reason, ...]:
    """Return a reason if the null mounts of an end are not known."""
    if not end.mounts_unknown_because:
        return ()
    what = f"the null mounts of {end.operand} are not known: {end.mounts_unknown_because}"
    return (Reason(what, "mount(8) must tell them: one that stays takes writes that are lost"),)


def is_master(end: End) -> bool:
    """Return whether an end is alive and a master."""
    return end.is_alive and end.role is Role.MASTER


def is_slave(end: End) -> bool:
    """Return whether an end is alive and a slave."""
    return end.is_alive and end.role is Role.SLAVE
