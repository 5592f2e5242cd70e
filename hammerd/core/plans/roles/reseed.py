"""Plans a fresh slave in place of an old master, or of a slave that has diverged.

    hold ──> umount ──> pfs-destroy ──> pfs-slave ──> flush, first copy ──> compare ──> release

Which end is lost is never guessed: the record of a promotion tells, or a slave is the one, or a
person names it. The other end must be a readable master, seen right before the destruction.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hammerd.core.pairs import Endpoint
from hammerd.core.plans.roles.facts import End, PairFacts, Role
from hammerd.core.plans.roles.found import (
    describe_end,
    foreign_reasons,
    is_slave,
    mount_reasons,
    open_reasons,
    orphan_steps,
    running_reasons,
    show_tid,
    umount_steps,
)
from hammerd.core.plans.roles.promotion import OLD_MASTER
from hammerd.core.plans.roles.reseed_sides import (
    TARGET_NAME,
    TARGET_UUID,
    TURNED,
    Sides,
    is_diverged,
    is_half_made,
    is_old,
    is_own,
    noted_tid,
    refusals,
    sides_of,
)
from hammerd.core.plans.roles.turn import RELOADED, YES, Turn
from hammerd.core.plans.steps import (
    Command,
    Compare,
    Copy,
    Hold,
    Plan,
    Reason,
    Refused,
    Release,
    ReloadDaemon,
    Step,
    WriteFile,
)
from hammerd.core.tid import NEVER_MIRRORED

FLUSHED, COMPARED = "flushed", "compared"
SOURCE_NAME, BEGUN_TID = "source_name", "begun_tid"


@dataclass(frozen=True, slots=True)
class Choice:
    """The choices of a person: the end that is given up, as the config or its softlink names it.

    `is_forced`: also a slave in which nothing is seen to be wrong. `is_confirmed`: nothing is
    asked, if nothing is destroyed.
    """

    lose: str = ""
    is_forced: bool = False
    is_confirmed: bool = False


NO_CHOICE = Choice()


def plan_reseed(
    facts: PairFacts, choice: Choice = NO_CHOICE, turn: Turn | None = None
) -> Plan | Refused:
    """Return the steps that are left until the lost end is a fresh slave of the other one."""
    lose = choice.lose
    sides = sides_of(facts, lose)
    if isinstance(sides, Reason):
        return Refused((sides,))
    if reasons := tuple(refusals(facts, sides, lose)):
        return Refused(reasons)
    if facts.record is None and not choice.is_forced and _is_sound(sides):
        sound = f"{sides.target.endpoint} is a slave of it, and nothing shows that it has diverged"
        ends = describe_end("master", sides.source), describe_end("slave", sides.target)
        notes = (*ends, f"{sound} (--force reseeds it anyway)")
        return Plan((), notes, afterwards=(*_afterwards(sides, None), _resume(facts)))
    steps = (
        *_first_steps(facts, sides),
        *_fresh_steps(facts, sides),
        *_last_steps(facts, sides, turn),
    )
    target, is_there = sides.target, is_old(facts, sides.target)
    return Plan(
        steps,
        notes=tuple(_notes(facts, sides)),
        warnings=tuple(_losses(sides)) if is_there or not target.is_alive else (),
        question=_question(sides, choice, is_there=is_there),
        confirmed_by=f"--lose {target.endpoint}" if is_there else "--yes",
        afterwards=tuple(_afterwards(sides, turn)),
        before=(
            *foreign_reasons(facts.writers),
            *(running_reasons(facts) if facts.record is not None else ()),
            *(_use_reasons(target) if is_there else ()),
        ),
    )


def _question(sides: Sides, choice: Choice, *, is_there: bool) -> str:
    target, source = sides.target.endpoint, sides.source.endpoint
    if is_there:
        return f"Destroy {target}, and make it a fresh slave of {source}?"
    return "" if choice.is_confirmed else f"Make {target} a fresh slave of {source}?"


def turned_ends(facts: PairFacts, sides: Sides) -> Mapping[str, str]:
    """Return the keys of the turned pair: the source as it was named, the target by softlink."""
    noted = facts.record.notes if facts.record and is_own(facts.record) else {}
    return {
        "master": noted.get(SOURCE_NAME) or str(sides.source.endpoint),
        "slave": str(sides.target.operand),
    }


def _use_reasons(target: End) -> tuple[Reason, ...]:
    """Return why the lost end may still be in use: hammer destroys it all the same."""
    unknown = target.open_files.unknown_because
    what = f"the open files of {target.operand} are not known: {unknown}"
    hint = "run the command as root: hammer destroys a PFS that is in use"
    return (
        *open_reasons("lost end", target),
        *mount_reasons(target),
        *((Reason(what, hint),) if unknown and target.endpoint.host.shares_paths else ()),
    )


# --- steps -----------------------------------------------------------------------------------


def _first_steps(facts: PairFacts, sides: Sides) -> Iterator[Step]:
    """Yield the steps until the lost end is gone."""
    target = sides.target
    if not is_own(facts.record):
        purpose = "keep the pair at rest while its ends change"
        yield Step("hold", purpose, Hold(tuple(_hold_notes(facts, sides))))
    yield from orphan_steps(facts)
    if not is_old(facts, target) and not is_half_made(facts, sides):
        return
    # A write to a null mount of a destroyed master makes the whole file system read-only.
    yield from umount_steps(target, "unmount the lost end, so that nobody writes to it")
    answers = "y\ny\n" if target.role is Role.MASTER else "y\n"
    destroy = Command(
        ("hammer", "pfs-destroy", target.operand.path),
        target.endpoint.host,
        answers,
        expects="succeeded",
    )
    yield _step("destroy", "destroy the lost end and all that it holds", destroy)


def _fresh_steps(facts: PairFacts, sides: Sides) -> Iterator[Step]:
    """Yield the steps that make the fresh slave and fill it."""
    source, target, host = sides.source, sides.target, sides.target.endpoint.host
    is_fresh = is_slave(target) and not is_old(facts, target)
    is_fresh = is_fresh and not is_half_made(facts, sides)
    link = target.operand.path
    if not is_fresh:
        if target.role is Role.GONE:
            rm = Command(("rm", link), host)
            yield _step("remove-softlink", "remove the softlink, which leads to no PFS", rm)
        if target.is_missing and not target.has_directory:
            mkdir = Command(("mkdir", "-p", target.directory), host)
            yield _step("slave-pfs-directory", "make the directory of the softlink", mkdir)
        uuid = f"shared-uuid={source.shared_uuid}"
        make = Command(("hammer", "pfs-slave", link, uuid), host, expects="succeeded")
        yield _step("slave-pfs", "make the fresh slave, with the shared-uuid of its master", make)
    if not _is_noted(facts, FLUSHED):
        synctid = Command(("hammer", "synctid", source.directory), source.endpoint.host)
        notes = ((FLUSHED, YES),)
        yield _step("flush", "flush the master, so that all of it can be mirrored", synctid, notes)
    if not is_fresh or _is_behind(facts, target):
        copy = Copy(source.operand, Endpoint(link, host))
        yield _step("copy", "copy the master to the slave, which may take long", copy)
    if not _is_noted(facts, COMPARED):
        compare = Compare(source.operand, Endpoint(link, host))
        notes = ((COMPARED, YES),)
        yield _step("compare", "compare both ends, which must be equal", compare, notes)


def _is_behind(facts: PairFacts, target: End) -> bool:
    """Return whether the fresh slave lacks what its master held when the reseed began."""
    if target.tid is None or target.tid == NEVER_MIRRORED or facts.record is None:
        return True
    begun_tid = noted_tid(facts.record, BEGUN_TID)
    return begun_tid is not None and target.tid < begun_tid


def _last_steps(facts: PairFacts, sides: Sides, turn: Turn | None) -> Iterator[Step]:
    """Yield the steps that begin the mirror."""
    if turn is not None and sides.is_turned:
        if turn.edit is not None:
            yield _step("config", "write the new master and slave into the config", turn.edit)
        if not _is_noted(facts, RELOADED):
            notes = ((RELOADED, YES),)
            purpose = "let hammerd take over the changed config"
            yield _step("reload", purpose, ReloadDaemon(), notes)
    purpose = "let the pair be streamed, as the config says"
    yield Step("release", purpose, Release())


def _step(
    name: str,
    purpose: str,
    action: Command | Copy | Compare | ReloadDaemon | WriteFile,
    notes: tuple[tuple[str, str], ...] = (),
) -> Step:
    return Step(name, purpose, action, notes=notes)


def _is_noted(facts: PairFacts, key: str) -> bool:
    record = facts.record
    return record is not None and is_own(record) and record.notes.get(key) == YES


def _hold_notes(facts: PairFacts, sides: Sides) -> Iterator[tuple[str, str]]:
    source, target = sides.source, sides.target
    if facts.record is not None:
        yield from facts.record.notes.items()
    yield "source_link", source.operand.path
    yield "source_host", source.endpoint.host.key
    yield "target_link", target.operand.path
    yield "target_host", target.endpoint.host.key
    yield SOURCE_NAME, str(source.endpoint)
    yield TARGET_NAME, _target_name(facts, target)
    yield TARGET_UUID, target.unique_uuid
    if source.system_tid is not None:
        yield BEGUN_TID, show_tid(source.system_tid)
    yield TURNED, YES if sides.is_turned else "no"


def _target_name(facts: PairFacts, target: End) -> str:
    return (facts.record and facts.record.notes.get(OLD_MASTER)) or str(target.endpoint)


# --- words -----------------------------------------------------------------------------------


def _notes(facts: PairFacts, sides: Sides) -> Iterator[str]:
    source, target = sides.source, sides.target
    yield describe_end("end that stays", source)
    yield f"{describe_end('lost end', target)} ({sides.because})"
    if facts.record is not None and is_own(facts.record):
        yield f'a reseed is under way; its last step was "{facts.record.step}"'
    if source.shared_uuid and source.shared_uuid == target.shared_uuid:
        yield f"both are of one mirror: shared-uuid {source.shared_uuid}"
    if sides.parted_tid is not None and not is_diverged(sides):
        yield f"up to TID {show_tid(sides.parted_tid)} both hold the same"


def _is_sound(sides: Sides) -> bool:
    """Return whether the lost end is a slave that its master can go on with."""
    return is_slave(sides.target) and not is_diverged(sides)


def _resume(facts: PairFacts) -> str:
    """Tell how a latch is lifted; hammerd lifts it by itself only if it ran during a reseed."""
    return f'if hammerd keeps the pair parked: "hammerd resume {facts.pair.name}"'


def _losses(sides: Sides) -> Iterator[str]:
    """Yield what only the end has that is lost."""
    target, parted_tid = sides.target, sides.parted_tid
    if not target.is_alive:
        yield f"nothing of {target.endpoint} can be read: whatever it held is lost"
    elif is_slave(target):
        yield f"{target.endpoint} is a slave: its own history of the mirror is lost"
        if is_diverged(sides):
            newest = show_tid(sides.source.system_tid)
            yield f"it is at TID {show_tid(target.tid)}, ahead of its master's {newest}: diverged"
    elif parted_tid is None or target.system_tid is None:
        yield f"what only {target.endpoint} holds is not known, and is lost: look there first"
    else:
        count = max(0, target.system_tid - parted_tid)
        yield (
            f"what was written to the file system of {target.endpoint} after TID"
            f" {show_tid(parted_tid)}, {count:,} TIDs, is not in {_name(sides.source)}, and is"
            f" lost: save first what is needed of it{_diff(sides)}"
        )


def _diff(sides: Sides) -> str:
    """Return the command that lists what differs, if both ends are on this host."""
    ends = sides.target.operand, sides.source.operand
    if not all(end.host.shares_paths for end in ends):
        return ""
    return f'; "diff -rq {ends[0].path}/ {ends[1].path}/" lists it'


def _name(end: End) -> str:
    return str(end.endpoint)


def _afterwards(sides: Sides, turn: Turn | None) -> Iterator[str]:
    source, target = sides.source, sides.target
    if sides.is_turned and turn is None:
        yield (
            f'swap the pair in the config: master = "{source.endpoint}",'
            f' slave = "{target.operand}"; then "hammerd reload" (--config does it)'
        )
    if sides.is_turned:
        yield (
            f"{target.operand} is a slave: take its null mounts out of /etc/fstab, and mount"
            f" {source.operand} where the master is used"
        )
