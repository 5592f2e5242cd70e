"""Plans a promotion: the slave becomes a master, whatever has become of the old one.

    hold ──> end the stream of a dead hammerd ──> pfs-upgrade ──> check a write ──> keep held

The pair stays held, so that nothing is mirrored into the new master. The daemon never promotes.
"""

from collections.abc import Iterator

from hammerd.core.plans.record import PlanName, PlanRecord, Stage
from hammerd.core.plans.roles.facts import End, PairFacts, Role
from hammerd.core.plans.roles.found import (
    describe_end,
    describe_loss,
    describe_open_files,
    describe_rise,
    describe_writers,
    foreign_reasons,
    is_master,
    is_slave,
    open_reasons,
    orphan_steps,
    running_reasons,
    settled,
    show_tid,
)
from hammerd.core.plans.roles.switchover_checks import COMPARED_TID
from hammerd.core.plans.steps import (
    Command,
    Hold,
    KeepHeld,
    Plan,
    Reason,
    Refused,
    Release,
    Step,
)
from hammerd.core.rfc3339 import rfc3339
from hammerd.core.tid import NEVER_MIRRORED, Tid

PARTED_TID = "slave_tid"
"""The note of the slave's TID at its promotion: up to it both masters hold the same."""

OLD_MASTER = "old_master"
"""The note of the old master as the config names it."""

CHECK_NAME = ".hammerd-promotion"
WRITABLE, REMOVED, YES = "writable", "removed", "yes"
WRITTEN, GONE = ((WRITABLE, YES),), ((REMOVED, YES),)

WARNING = (
    'hammer(8) of pfs-upgrade: "The PFS will be rolled back to the current end synchronization'
    " transaction ID (removing any partial synchronizations), and will then become writable."
    " WARNING! HAMMER currently supports only single masters and using this command can easily"
    " result in file system corruption if you don't know what you are doing.\""
)


def plan_promotion(facts: PairFacts) -> Plan | Refused:
    """Return the steps that are left until the slave is a master and the pair stays held."""
    slave, record = facts.slave, facts.record
    if refusals := tuple(_refusals(facts)):
        return Refused(refusals)
    steps = () if _is_done(facts) else _steps(facts, is_own(record))
    return Plan(
        steps,
        notes=tuple(_notes(facts)),
        warnings=tuple(_warnings(facts)) if is_slave(slave) else (),
        question=_question(facts) if steps else "",
        afterwards=tuple(_afterwards(facts)),
        before=(*foreign_reasons(facts.writers), *_running(facts), *open_reasons("slave", slave)),
    )


def plan_undo(facts: PairFacts) -> Plan | Refused:
    """Return the step back from a promotion that did not upgrade the slave."""
    if not is_own(facts.record):
        return Refused((Reason("no promotion of this pair is under way"),))
    if is_master(facts.slave):
        hint = f'"hammerd promote {facts.pair.name}" goes on; there is no way back'
        return Refused((Reason(f"{facts.slave.endpoint} is {facts.slave.role} already", hint),))
    release = Step("release", "let the pair be streamed, as before", Release())
    return Plan((release,), notes=(describe_end("slave", facts.slave),))


def is_own(record: PlanRecord | None) -> bool:
    """Return whether a promotion of this pair began."""
    return record is not None and record.plan is PlanName.PROMOTE


def _is_done(facts: PairFacts) -> bool:
    record = facts.record
    is_kept = record is not None and record.stage is Stage.PROMOTED
    return is_master(facts.slave) and is_kept


def _refusals(facts: PairFacts) -> Iterator[Reason]:
    slave, record = facts.slave, facts.record
    name = facts.pair.name
    if record is not None and not is_own(record) and not _takes_over(facts):
        hint = f'end it first: run "hammerd {record.plan} {name}" again'
        if record.plan is PlanName.SWITCHOVER:
            hint += ", with --undo to go back"
        yield Reason(f"{record.plan} of {name} was interrupted at step {record.step}", hint)
    if not slave.is_alive:
        hint = "what cannot be read cannot be promoted: mount its file system first"
        yield Reason(f"slave {slave.endpoint} cannot be read: {slave.trouble}", hint)
    elif slave.role is Role.SLAVE and slave.tid == NEVER_MIRRORED:
        hint = "nothing was ever mirrored to it, so a promotion would give an empty master"
        what = f"slave {slave.endpoint} has no TID of its master"
        yield Reason(what, hint + _way_back(facts))
    elif slave.role is Role.SLAVE and slave.is_readable is False:
        hint = (
            "an upgrade deletes all that is past its TID; only a reseed helps, if its TID is low"
        )
        what = f"nothing of slave {slave.endpoint} can be read as of its TID"
        yield Reason(what, hint + _way_back(facts))


def _takes_over(facts: PairFacts) -> bool:
    """Return whether the old master was lost in a switchover, which cannot go on or back then."""
    record = facts.record
    is_switchover = record is not None and record.plan is PlanName.SWITCHOVER
    return is_switchover and not facts.master.is_alive


def _way_back(facts: PairFacts) -> str:
    """Return the rest of a hint: a promotion that began, and may not go on, can be taken back.

    A power cut may have taken what the slave had when it began.
    """
    if not is_own(facts.record):
        return ""
    return f'; to mirror again as before: "hammerd promote {facts.pair.name} --undo"'


def _running(facts: PairFacts) -> tuple[Reason, ...]:
    """Return the streams that are left although the pair is held."""
    return running_reasons(facts) if facts.record is not None else ()


def _steps(facts: PairFacts, is_held: bool) -> tuple[Step, ...]:
    slave = facts.slave
    hold = Step(
        "hold",
        "mirror nothing to the slave any more, not after a restart or a boot either",
        Hold(tuple(_hold_notes(facts))),
    )
    upgrade = Step(
        "upgrade",
        "make the slave a master, as of its TID",
        Command(
            ("hammer", "pfs-upgrade", slave.operand.path),
            slave.endpoint.host,
            expects="succeeded",
            retry=settled(slave),
        ),
        way_back=(
            'nothing was changed; after "Directory not empty" end what holds a file of the slave',
            f'to mirror again as before: "hammerd promote {facts.pair.name} --undo"',
        ),
    )
    keep = Step("keep-held", "let no stream write to the new master", KeepHeld())
    return (
        *(() if is_held else (hold,)),
        *_note_steps(facts),
        *orphan_steps(facts),
        *(() if is_master(slave) else (upgrade,)),
        *(_check_steps(facts) if slave.endpoint.host.administered is not None else ()),
        keep,
    )


def _note_steps(facts: PairFacts) -> Iterator[Step]:
    """Yield the step that notes the slave's TID anew.

    The stream went on until the hold, while a person read the plan; a power cut moves it back.
    """
    record, slave = facts.record, facts.slave
    if record is None or not is_own(record) or not is_slave(slave):
        return
    if record.notes.get(PARTED_TID, show_tid(slave.tid)) != show_tid(slave.tid):
        notes = {**record.notes, **dict(_hold_notes(facts))}
        purpose = "note the TID up to which both ends hold the same"
        yield Step("note-tid", purpose, Hold(tuple(notes.items())))


def _check_steps(facts: PairFacts) -> Iterator[Step]:
    """Yield the steps of a write in the root of the new master, which may be refused.

    A look at `@@-1` of a slave leaves its root read-only after the upgrade (docs/hammer.md 1.7).
    """
    slave, name = facts.slave, facts.pair.name
    path, host = f"{slave.operand.path}/{CHECK_NAME}", slave.endpoint.host
    way_back = (
        'the slave is a master; after "Read-only file system" umount its file system and mount it'
        f' again, then run "hammerd promote {name}" again',
    )
    notes = {} if facts.record is None or not is_own(facts.record) else facts.record.notes
    if WRITABLE not in notes:
        touch = Command(("touch", path), host)
        yield Step("check-write", "write a file to the new master", touch, way_back, WRITTEN)
    if REMOVED not in notes:
        rm = Command(("rm", "-f", path), host)
        yield Step("remove-check", "remove that file", rm, (), GONE)


def _hold_notes(facts: PairFacts) -> Iterator[tuple[str, str]]:
    master, slave, loss = facts.master, facts.slave, facts.loss
    yield OLD_MASTER, str(facts.pair.master)
    yield "new_master", str(facts.pair.slave)
    yield "slave_link", slave.link
    if master.link:
        yield "master_link", master.link
    if slave.tid is not None:
        yield PARTED_TID, show_tid(slave.tid)
    if slave.system_tid is not None:
        yield "slave_system_tid", show_tid(slave.system_tid)
    master_tid = master.system_tid if master.is_alive else loss.master_tid
    if master_tid is not None:
        yield "master_tid", show_tid(master_tid)
    if loss.safe_until_time is not None:
        yield "safe_until_time", rfc3339(loss.safe_until_time)
    yield from _notes_of_switchover(facts)
    for key, value in (("shared_uuid", slave.shared_uuid), ("slave_uuid", slave.unique_uuid)):
        if value:
            yield key, value


def _notes_of_switchover(facts: PairFacts) -> Iterator[tuple[str, str]]:
    """Yield the notes without which the ends are not known: the config may be turned already."""
    record = facts.record
    if record is None or record.plan is not PlanName.SWITCHOVER:
        return
    yield "master_host", facts.master.endpoint.host.key
    yield "slave_host", facts.slave.endpoint.host.key
    if is_master(facts.slave) and (compared_tid := record.notes.get(COMPARED_TID)):
        yield PARTED_TID, compared_tid


def _notes(facts: PairFacts) -> Iterator[str]:
    if is_slave(facts.slave):
        yield from describe_loss(facts)
    yield describe_end("master", facts.master)
    yield describe_end("slave", facts.slave)
    if is_slave(facts.slave):
        yield from describe_writers(facts)
        yield from describe_open_files("slave", facts.slave.open_files)
    else:
        yield "the slave is a master already"


def _warnings(facts: PairFacts) -> Iterator[str]:
    name = facts.pair.name
    if is_master(facts.master):
        yield (
            "the master is alive. After a promotion both are masters, and what is written to the"
            f' old one is lost. A change of roles without loss is "hammerd switchover {name}". If'
            f' that is refused, first end all writing, and "hammerd wait {name}"'
        )
    elif facts.master.hangs:
        yield (
            "the master does not answer, which may pass: see that nothing can write to it any"
            " more, or what is written there is lost"
        )
    if facts.pair.rotate.takes_turns:
        yield (
            f"the slaves of {name} take turns: this is the one that has its turn now. Another one"
            " may hold more: see the status"
        )
    slave_tid, seen_tid = facts.slave.tid, facts.loss.slave_tid
    if slave_tid is not None and seen_tid is not None and slave_tid < seen_tid:
        yield (
            f"the slave is at TID {show_tid(slave_tid)}, and hammerd saw it at"
            f" {show_tid(seen_tid)}. A power cut explains that; after a pfs-downgrade of it the"
            " upgrade deletes its data: look at what it shows before"
        )
    if _is_low(facts.slave):
        yield (
            f"the TIDs of the slave's file system are at {show_tid(facts.slave.system_tid)}, below"
            f" the slave's TID {show_tid(facts.slave.tid)}. The new master gives TIDs from there"
            " on; until they have passed the slave's TID no copy of it is complete, and"
            f' "hammerd reseed {name}" refuses. To mirror it then,'
            f" {describe_rise(facts.slave, facts.slave.tid or Tid(0))}"
        )
    yield WARNING


def _is_low(slave: End) -> bool:
    known = slave.tid is not None and slave.system_tid is not None
    return known and (slave.system_tid or 0) <= (slave.tid or 0)


def _question(facts: PairFacts) -> str:
    if is_master(facts.slave):
        return f"Keep pair {facts.pair.name} held, as one whose slave was promoted?"
    alive = "although its master is alive" if is_master(facts.master) else "now"
    return f"Promote slave {facts.pair.slave} {alive}?"


def _afterwards(facts: PairFacts) -> Iterator[str]:
    slave, name = facts.slave, facts.pair.name
    link = slave.operand.path
    for mount in slave.mounts:
        yield (
            f"{mount} shows the slave as of its mount, and stays read-only:"
            f' "umount {mount}" and "mount_null {link} {mount}"'
        )
    yield (
        f"the new master can be used at {link}; or mount it where the old one was, as"
        f' "mount_null {link} /SOME/DIRECTORY", with a line in /etc/fstab:'
        f' "{link} /SOME/DIRECTORY null rw 0 0"; then let clients use it'
    )
    trap = _trap(facts)
    yield (
        f"never pfs-downgrade {link} to go back: a downgrade stores the newest TID of its own file"
        f" system{trap}. What the old master writes below the stored TID is never mirrored, and no"
        " lag tells of it"
    )
    yield (
        f'when the old master is back: "hammerd reseed {name} --config" makes it a fresh slave of'
        " the new one, and tells first what only it has; with a new disk in its place name the"
        " softlink to make: --at PATH"
    )


def _trap(facts: PairFacts) -> str:
    system_tid = facts.slave.system_tid
    master_tid = facts.master.system_tid if facts.master.is_alive else facts.loss.master_tid
    if system_tid is None:
        return ""
    other = "" if master_tid is None else f"; the old master is at {show_tid(master_tid)}"
    return f" (now {show_tid(system_tid)}{other})"
