"""Decides which end of a pair is lost in a reseed, and whether it may be.

It is never guessed: the record of a promotion tells it, or a slave is the one, or a person names
it. The other end must be a master that can be read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.plans.record import PlanName, PlanRecord, Stage
from hammerd.core.plans.roles import switchover
from hammerd.core.plans.roles.facts import End, PairFacts, Role
from hammerd.core.plans.roles.found import describe_rise, is_master, is_slave, show_tid
from hammerd.core.plans.roles.promotion import OLD_MASTER, PARTED_TID
from hammerd.core.plans.roles.turn import YES
from hammerd.core.plans.steps import Reason
from hammerd.core.tid import NEVER_MIRRORED, Tid, parse_tid

AT_HINT = "mount it, or name its softlink, on a new disk the one to make: --at PATH"

TARGET_UUID, TARGET_NAME, TURNED = "target_uuid", "target_name", "turned"
"""The notes of the lost end, and whether the end that stays is the slave of the config."""


@dataclass(frozen=True, slots=True)
class Sides:
    """The end that stays, the end that is lost, and the TID at which they parted.

    `is_turned`: the end that stays is the slave of the config.
    """

    source: End
    target: End
    parted_tid: Tid | None
    is_turned: bool
    because: str


def oriented(pair: Pair, record: PlanRecord | None) -> Pair:
    """Return the pair to look at: under way its source is the master, its target the slave.

    The softlinks of a promotion are known from its record.
    """
    if record is None:
        return pair
    hosts = {end.host.key: end.host for end in (pair.master, pair.slave)}
    notes = record.notes
    if record.plan is PlanName.RESEED:
        return replace(
            pair,
            master=Endpoint(notes["source_link"], hosts[notes["source_host"]]),
            slave=Endpoint(notes["target_link"], hosts[notes["target_host"]]),
        )
    if record.plan is PlanName.PROMOTE and "master_host" in notes:
        return switchover.oriented(pair, record)
    if record.plan is PlanName.PROMOTE and "master_link" in notes:
        return replace(pair, master=Endpoint(notes["master_link"], pair.master.host))
    return pair


def is_own(record: PlanRecord | None) -> bool:
    """Return whether a reseed of this pair began."""
    return record is not None and record.plan is PlanName.RESEED


def sides_of(facts: PairFacts, lose: str) -> Sides | Reason:
    """Return which end stays and which one is lost, or why that is not known."""
    record, first, second = facts.record, facts.master, facts.slave
    parted_tid = noted_tid(record, PARTED_TID)
    if record is not None and is_own(record):
        is_turned = record.notes.get(TURNED) == YES
        return Sides(first, second, parted_tid, is_turned, "this reseed is under way")
    if record is not None and record.plan is PlanName.PROMOTE:
        because = "its slave was promoted by hammerd"
        return Sides(second, first, parted_tid, is_turned=True, because=because)
    if record is not None:
        hint = f'run "hammerd {record.plan} {facts.pair.name}" again first'
        return Reason(f"{record.plan} of {facts.pair.name} was interrupted", hint)
    return _sides_without_record(facts, lose)


def _sides_without_record(facts: PairFacts, lose: str) -> Sides | Reason:
    first, second = facts.master, facts.slave
    for source, target, is_turned in ((first, second, False), (second, first, True)):
        if is_master(source) and is_slave(target):
            return Sides(source, target, target.tid, is_turned, "it is a slave")
    for source, target, is_turned in ((first, second, False), (second, first, True)):
        if lose and lose in _names(facts, target) and is_master(source):
            return Sides(source, target, None, is_turned, "you named it")
    if is_master(first) and is_master(second):
        hint = (
            f"look at both, then name the one to be lost: --lose {first.endpoint}, or"
            f" --lose {second.endpoint}"
        )
        return Reason("both ends are masters, and no promotion by hammerd is on record", hint)
    return _no_sides(facts)


def _no_sides(facts: PairFacts) -> Reason:
    """Return why no end is known to be the one that is lost."""
    first, second, name = facts.master, facts.slave, facts.pair.name
    for source, target in ((first, second), (second, first)):
        if is_master(source) and not target.is_alive:
            hint = (
                f"mount its file system; if its disk is lost, --lose {target.endpoint} makes it a"
                f" fresh slave of {source.endpoint}, on a new disk"
            )
            return Reason(f"{target.endpoint} cannot be read: {target.trouble}", hint)
    troubles = [f"{end.endpoint}: {end.trouble or f'a {end.role}'}" for end in (first, second)]
    hint = "a reseed copies from a master that can be read: mount it"
    if is_slave(second):
        hint += f', or, if its disk is lost, "hammerd promote {name}" first'
    return Reason(f"no end is a master that can be read ({'; '.join(troubles)})", hint)


def noted_tid(record: PlanRecord | None, note: str) -> Tid | None:
    """Return a TID from the notes of a record, None if there is none."""
    text = record.notes.get(note, "") if record else ""
    try:
        return parse_tid(text) if text else None
    except ValueError:
        return None


def _names(facts: PairFacts, target: End) -> frozenset[str]:
    """Return all names by which a person may give up an end."""
    record, names = facts.record, {str(target.endpoint), str(target.operand)}
    if record is not None and record.plan in (PlanName.PROMOTE, PlanName.RESEED):
        names.add(record.notes.get(TARGET_NAME) or record.notes.get(OLD_MASTER, ""))
    return frozenset(names)


def refusals(facts: PairFacts, sides: Sides, lose: str) -> Iterator[Reason]:
    """Yield each reason why this end may not be lost, or not be replaced."""
    source, target = sides.source, sides.target
    if lose and lose not in _names(facts, target):
        yield Reason(
            f"--lose {lose} is not the end that would be lost, {target.endpoint}: {sides.because}",
            "name that one, if it may be lost",
        )
    if _is_promoting(facts) and is_slave(source):
        yield Reason(
            f"the promotion of {source.endpoint} was interrupted",
            f'"hammerd promote {facts.pair.name}" goes on, and with --undo it goes back',
        )
    elif not is_master(source) or source.is_readable is False:
        found = source.trouble or f"it is a {source.role}"
        yield Reason(
            f"{source.endpoint} must be a master that can be read: {found}",
            "nothing is destroyed before the data are seen there",
        )
    if not target.is_alive and not _can_be_made(target):
        yield Reason(
            f"{target.endpoint} cannot be read: {target.trouble}",
            AT_HINT,
        )
    if _is_another(facts, target):
        yield Reason(
            f"{target.endpoint} is a master that was not there when this reseed began",
            "look at it; nothing of it is touched",
        )
    if _uuids_differ(source, target) and not is_half_made(facts, sides):
        yield Reason(
            f"{source.endpoint} and {target.endpoint} are not of one mirror: shared-uuid"
            f" {source.shared_uuid} and {target.shared_uuid}",
            "look at the paths of the pair",
        )
    yield from _tid_refusals(facts, sides)


def _is_promoting(facts: PairFacts) -> bool:
    record = facts.record
    is_promotion = record is not None and record.plan is PlanName.PROMOTE
    return is_promotion and record is not None and record.stage is Stage.RUNNING


def _can_be_made(target: End) -> bool:
    return target.role is Role.GONE or target.is_missing


def _is_another(facts: PairFacts, target: End) -> bool:
    return is_own(facts.record) and is_master(target) and not is_old(facts, target)


def is_half_made(facts: PairFacts, sides: Sides) -> bool:
    """Return whether the target is a new slave whose shared-uuid was not set."""
    target = sides.target
    is_new = is_own(facts.record) and is_slave(target) and not is_old(facts, target)
    return is_new and target.tid == NEVER_MIRRORED and _uuids_differ(sides.source, target)


def is_old(facts: PairFacts, target: End) -> bool:
    """Return whether the target is the PFS that is to be lost, not the fresh slave."""
    if not target.is_alive:
        return False
    record = facts.record
    if record is None or not is_own(record):
        return True
    return target.unique_uuid == record.notes.get(TARGET_UUID, "")


def _uuids_differ(source: End, target: End) -> bool:
    uuids = (source.shared_uuid, target.shared_uuid)
    return all(uuids) and uuids[0] != uuids[1]


def _tid_refusals(facts: PairFacts, sides: Sides) -> Iterator[Reason]:
    """Yield why no copy of the source would be complete (docs/hammer.md 1.7)."""
    source, held_tid, holds = sides.source, sides.parted_tid, "holds"
    if held_tid is None and is_master(sides.target) and not is_own(facts.record):
        # Nothing tells when the source was promoted: at a TID that its master had by now.
        held_tid, holds = sides.target.system_tid, "may hold"
    if not sides.is_turned or held_tid is None or source.system_tid is None:
        return
    if source.system_tid <= held_tid:
        yield Reason(
            f"the TIDs of the file system of {source.endpoint} are at"
            f" {show_tid(source.system_tid)}, and it {holds} data up to {show_tid(held_tid)} from"
            " its time as a slave: a copy would leave out what is between",
            describe_rise(source, held_tid),
        )


def is_diverged(sides: Sides) -> bool:
    """Return whether the lost end is a slave that is ahead of its master."""
    tid, newest = sides.target.tid, sides.source.system_tid
    return tid is not None and newest is not None and tid > newest
