"""Decides whether a switchover may begin, or go on: roles, TIDs, open files, other streams."""

from collections.abc import Iterator

from hammerd.core.plans.record import PlanName, PlanRecord, Stage
from hammerd.core.plans.roles.facts import End, PairFacts, Role
from hammerd.core.plans.roles.found import (
    describe_rise,
    foreign_reasons,
    is_master,
    is_slave,
    mount_reasons,
    open_reasons,
    running_reasons,
    show_span,
    show_tid,
)
from hammerd.core.plans.steps import Reason
from hammerd.core.tid import NEVER_MIRRORED, Tid

COMPARED_TID = "compared_tid"
"""The note of the TID at which both ends were found equal, before the upgrade."""


def is_own(record: PlanRecord | None) -> bool:
    """Return whether a switchover of this pair began."""
    return record is not None and record.plan is PlanName.SWITCHOVER


def refusals(facts: PairFacts) -> Iterator[Reason]:
    """Yield each reason why a switchover may not begin, or not go on."""
    record, name = facts.record, facts.pair.name
    is_begun = is_own(record)
    if record is not None and not is_begun:
        # A promotion that has ended is ended by the reseed that follows it.
        plan = PlanName.RESEED if record.stage is Stage.PROMOTED else record.plan
        hint = f'end it first: "hammerd {plan} {name}"'
        yield Reason(f"{record.plan} of {name} was not ended ({record.stage})", hint)
        return
    troubles = [end for end in (facts.master, facts.slave) if not end.is_alive]
    for end in troubles:
        yield Reason(f"{end.endpoint} cannot be read: {end.trouble}", _missing_hint(facts, end))
    if not troubles:
        yield from _role_refusals(facts, is_begun)


def _missing_hint(facts: PairFacts, end: End) -> str:
    name, needs = facts.pair.name, "a switchover needs both ends: mount its file system"
    if is_own(facts.record) and end is facts.master:
        return f'{needs}; if its disk is lost: "hammerd promote {name}" takes the other end'
    if is_own(facts.record):
        return f'{needs}; if its disk is lost: "hammerd switchover {name} --undo"'
    if is_master(facts.slave):
        return _swap_hint(facts)
    if end is facts.master:
        return f'{needs}; if its disk is lost: "hammerd promote {name}"'
    return f'{needs}; if its disk is lost: "hammerd provision {name}" makes a new slave'


def _role_refusals(facts: PairFacts, is_begun: bool) -> Iterator[Reason]:
    old, new, name = facts.master, facts.slave, facts.pair.name
    if old.role is Role.MASTER and new.role is Role.MASTER:
        hint = f'"hammerd reseed {name}" tells what each of them has, and makes one a fresh slave'
        yield Reason("both ends are masters", hint)
    elif not is_begun and old.role is not Role.MASTER:
        yield _unknown_roles(facts)
    elif new.role is Role.SLAVE:
        yield from _tid_refusals(facts)


def _unknown_roles(facts: PairFacts) -> Reason:
    if facts.slave.role is Role.MASTER:
        hint = _swap_hint(facts)
        return Reason("the roles are changed already, and the config has the old ones", hint)
    hint = (
        f'"hammer pfs-upgrade {facts.master.operand.path}" makes it the master that the config'
        " names, if nothing newer was written elsewhere"
    )
    return Reason("both ends are slaves, and no switchover of the pair is on record", hint)


def _swap_hint(facts: PairFacts) -> str:
    return (
        f"{facts.slave.endpoint} is the master: swap master and slave of the pair in the config,"
        " the slave by its softlink, then hammerd reload"
    )


def _tid_refusals(facts: PairFacts) -> Iterator[Reason]:
    """Yield why the TIDs do not allow the change of roles."""
    old, new, name = facts.master, facts.slave, facts.pair.name
    if new.tid == NEVER_MIRRORED:
        yield Reason(f"{new.endpoint} was never mirrored to", f'"hammerd provision {name}" first')
        return
    newest = old.system_tid if old.role is Role.MASTER else old.tid
    if newest is None or new.system_tid is None:
        known = f"{show_tid(newest)} and {show_tid(new.system_tid)}"
        hint = "hammer pfs-status of the directory of each softlink must be allowed over there"
        yield Reason(f"the TIDs of both file systems must be known, and are {known}", hint)
    elif new.system_tid <= newest:
        yield Reason(
            f"the TIDs of the slave's file system are at {show_tid(new.system_tid)}, not above"
            f" {show_tid(newest)} of the master's. What the new master wrote up to that TID would"
            " never be mirrored back, and no lag would tell of it",
            _other_way(facts, newest),
        )
    if new.tid is not None and newest is not None and new.tid > newest:
        yield Reason(
            f"the slave is at TID {show_tid(new.tid)}, above its master's {show_tid(newest)}",
            f'it holds what the master has not: "hammerd reseed {name}"',
        )


def _other_way(facts: PairFacts, newest: Tid) -> str:
    """Return the ways on.

    After a promotion a reseed needs the TIDs to be higher, too, so they are raised in any case.
    """
    name = facts.pair.name
    if is_own(facts.record):
        return f'to go back: "hammerd switchover {name} --undo"; nothing is lost'
    return (
        f"{describe_rise(facts.slave, newest)}. Then run this command again. The other way, to"
        f' end all writing, "hammerd promote {name}" and "hammerd reseed {name} --config", needs'
        " higher TIDs, too"
    )


def preparations(facts: PairFacts) -> tuple[Reason, ...]:
    """Return what a person must do before the next step."""
    is_begun = is_own(facts.record)
    return (
        *foreign_reasons(facts.writers),
        *(running_reasons(facts) if is_begun else ()),
        *(_use_reasons(facts.master) if is_master(facts.master) else ()),
        *(open_reasons("slave", facts.slave) if is_slave(facts.slave) else ()),
        *(() if is_begun else _lag_reasons(facts)),
    )


def _use_reasons(master: End) -> tuple[Reason, ...]:
    return (*open_reasons("master", master), *mount_reasons(master))


def _lag_reasons(facts: PairFacts) -> tuple[Reason, ...]:
    lag_s, limit_s = facts.loss.lag_s, facts.pair.thresholds.lag_warning_s
    if lag_s is None or lag_s <= limit_s:
        return ()
    what = f"the slave is {show_span(lag_s)} behind: nobody could write until it has caught up"
    return (Reason(what, f'"hammerd wait {facts.pair.name}" first'),)
