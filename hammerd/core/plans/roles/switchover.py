"""Plans a change of roles without loss: the master becomes the slave, and the slave the master.

    master, slave    hold, flush, copy, pfs-downgrade of the old master
    slave, slave     copy to exactly its TID, compare, pfs-upgrade of the new master
    slave, master    a file that arrives on the old master, config, release
    master, master   refused: what is only on one of them must be chosen by a person

It begins only if the TIDs of the new master's file system are above those of the old one's: what
the new master writes below the TID of its slave is never mirrored (docs/hammer.md 1.7).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.plans.record import PlanName, PlanRecord
from hammerd.core.plans.roles.facts import End, PairFacts, Role
from hammerd.core.plans.roles.found import (
    describe_end,
    describe_open_files,
    describe_writers,
    is_master,
    is_slave,
    orphan_steps,
    settled,
    show_tid,
    umount_steps,
)
from hammerd.core.plans.roles.switchover_checks import COMPARED_TID, is_own, preparations, refusals
from hammerd.core.plans.roles.turn import RELOADED, YES, Turn
from hammerd.core.plans.steps import (
    Action,
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
)

PROOF_NAME = ".hammerd-switchover"
FLUSHED, COPIED = "flushed", "copied"
MOUNTS = "master_mounts"
PROVED, PROOF_FLUSHED = "proved", "proof_flushed"


def plan_switchover(facts: PairFacts, turn: Turn | None = None, to: str = "") -> Plan | Refused:
    """Return the steps that are left until the slave is the master and its old master follows.

    `facts.master` is the old master, and `facts.slave` the new one, whatever their roles are now.
    Without a `turn` the config is left to a person. `to` names the end that is to be the master:
    if it is one already, nothing is left to do.
    """
    old, new, is_begun = facts.master, facts.slave, is_own(facts.record)
    if to and not is_begun and to in _names(old) and is_master(old):
        return Plan((), notes=(describe_end("master", old),))
    if to and not is_begun and to not in _names(new):
        hint = f"--to {new.endpoint}, or --to {old.endpoint}"
        return Refused((Reason(f"--to {to} is no end of {facts.pair.name}", hint),))
    if reasons := tuple(refusals(facts)):
        return Refused(reasons)
    steps = (
        *(_downgrade_steps(facts, is_begun) if is_master(old) else ()),
        *(_upgrade_steps(facts) if is_slave(new) else ()),
        *_without_undo(facts, _last_steps(facts, turn)),
    )
    return Plan(
        steps,
        notes=tuple(_notes(facts)),
        question=f"Make {new.endpoint} the master, and {old.endpoint} its slave?",
        afterwards=tuple(_afterwards(facts, turn)),
        before=preparations(facts),
    )


def plan_undo(facts: PairFacts) -> Plan | Refused:
    """Return the steps back from a switchover, as long as the new master was not upgraded."""
    old, new = facts.master, facts.slave
    if not is_own(facts.record):
        return Refused((Reason("no switchover of this pair is under way"),))
    if new.role is Role.MASTER:
        hint = f'run "hammerd switchover {facts.pair.name}" again: it goes on'
        return Refused((Reason(f"{new.endpoint} is a master already", hint),))
    if not old.is_alive:
        hint = f'mount its file system; if its disk is lost: "hammerd promote {facts.pair.name}"'
        return Refused((Reason(f"{old.endpoint} cannot be read: {old.trouble}", hint),))
    upgrade = _role_step("upgrade-old", "pfs-upgrade", "make the old master the master again", old)
    return Plan(
        (*((upgrade,) if is_slave(old) else ()), *_mount_steps(facts), _release()),
        notes=tuple(_notes(facts)),
        warnings=() if new.is_alive else (_unseen(new),),
        question=f"Leave {old.endpoint} the master?",
    )


def _unseen(new: End) -> str:
    return (
        f"{new.endpoint} cannot be read, and may have become the master: what was written to it"
        " since is lost then"
    )


def _mount_steps(facts: PairFacts) -> Iterator[Step]:
    """Yield the steps that mount the old master again where it was mounted."""
    old, noted = facts.master, _note(facts, MOUNTS)
    for place in noted.split("\n") if noted else ():
        if place not in old.mounts:
            mount = Command(("mount_null", old.operand.path, place), old.endpoint.host)
            yield Step(f"mount-{place}", "mount the old master again", mount)


def oriented(pair: Pair, record: PlanRecord | None) -> Pair:
    """Return a pair with its old master as its master, by their softlinks.

    The config may be turned round already, and null mounts may be gone. The record is that of a
    switchover, or of a promotion that took its place.
    """
    plans = (PlanName.SWITCHOVER, PlanName.PROMOTE)
    if record is None or record.plan not in plans or "master_host" not in record.notes:
        return pair
    hosts = {end.host.key: end.host for end in (pair.master, pair.slave)}
    notes = record.notes
    master_host, slave_host = hosts.get(notes["master_host"]), hosts.get(notes["slave_host"])
    if master_host is None or slave_host is None:
        return pair
    return replace(
        pair,
        master=Endpoint(notes["master_link"], master_host),
        slave=Endpoint(notes["slave_link"], slave_host),
    )


def turned_ends(facts: PairFacts) -> Mapping[str, str]:
    """Return the keys of the turned pair: the new master as it was named, the old by softlink."""
    new_master = _note(facts, "new_master") or str(facts.pair.slave)
    return {"master": new_master, "slave": str(facts.master.operand)}


# --- steps -----------------------------------------------------------------------------------


def _names(end: End) -> frozenset[str]:
    return frozenset({str(end.endpoint), str(end.operand)})


def _downgrade_steps(facts: PairFacts, is_begun: bool) -> tuple[Step, ...]:
    """Return the steps while the old master is a master."""
    old, new = facts.master, facts.slave
    hold = Step(
        "hold",
        "keep the pair at rest while its ends change",
        Hold(tuple(_hold_notes(facts))),
    )
    flush = _step(
        facts,
        "flush",
        "flush the master, so that all of it can be mirrored",
        _hammer(old, "synctid", old.directory),
        notes=((FLUSHED, YES),),
    )
    copy = _step(
        facts,
        "copy",
        "copy most of it while the master still takes writes",
        Copy(old.operand, new.operand),
        notes=((COPIED, YES),),
    )
    downgrade = _role_step(
        "downgrade",
        "pfs-downgrade",
        "make the old master a slave, which takes no writes",
        old,
        _back(facts),
    )
    return (
        *(() if is_begun else (hold,)),
        *orphan_steps(facts),
        *(() if _is_noted(facts, FLUSHED) else (flush,)),
        *(() if _is_noted(facts, COPIED) or new.tid == old.system_tid else (copy,)),
        # A null mount of a downgraded master takes writes, which are lost.
        *umount_steps(old, "unmount the old master, so that nobody writes to it"),
        downgrade,
    )


def _upgrade_steps(facts: PairFacts) -> tuple[Step, ...]:
    """Return the steps until the new master is one."""
    old, new = facts.master, facts.slave
    is_equal = is_slave(old) and new.tid == old.tid
    copy = _step(
        facts,
        "last-copy",
        "bring the slave to exactly the TID of the old master",
        Copy(old.operand, new.operand),
    )
    tid = show_tid(old.tid)
    compare = _step(
        facts,
        "compare",
        "compare both ends, which must be equal",
        Compare(old.operand, new.operand),
        notes=((COMPARED_TID, tid),),
    )
    upgrade = _role_step("upgrade", "pfs-upgrade", "make the slave the master", new, _back(facts))
    is_compared = is_equal and _note(facts, COMPARED_TID) == tid
    return (
        *(() if is_equal else (copy,)),
        *(() if is_compared else (compare,)),
        # A null mount of a slave stays at its TID for ever.
        *umount_steps(new, "unmount the slave, which would go on to show its old state"),
        upgrade,
    )


def _last_steps(facts: PairFacts, turn: Turn | None) -> Iterator[Step]:
    """Yield the steps after the change of roles."""
    yield from () if _is_proved(facts) else _proof_steps(facts)
    if turn is not None and turn.edit is not None:
        yield _step(facts, "config", "write the new master and slave into the config", turn.edit)
    if turn is not None and not _is_noted(facts, RELOADED):
        yield _step(
            facts,
            "reload",
            "let hammerd take over the changed config",
            ReloadDaemon(),
            notes=((RELOADED, YES),),
        )
    yield _release()


def _without_undo(facts: PairFacts, steps: Iterable[Step]) -> Iterator[Step]:
    """Yield steps after the upgrade of the new master, from which no way leads back."""
    new = facts.slave
    ways = _back(replace(facts, slave=replace(new, role=Role.MASTER)))
    for step in steps:
        yield replace(step, way_back=ways) if step.way_back else step


def _is_proved(facts: PairFacts) -> bool:
    ends = (facts.master, facts.slave)
    if any(end.endpoint.host.administered is None for end in ends):
        # Nothing shows whether the file is there: equal TIDs must do.
        return True
    is_removed = facts.slave.proof is None and facts.master.proof is not None
    return _is_noted(facts, PROVED) or (is_master(facts.slave) and is_removed)


def _proof_steps(facts: PairFacts) -> Iterator[Step]:
    """Yield the steps of a write that must arrive on the old master."""
    old, new = facts.master, facts.slave
    path = f"{new.operand.path}/{PROOF_NAME}"
    if new.proof is None:
        purpose = "write a file to the new master, which must arrive on the old one"
        touch = Command(("touch", path), new.endpoint.host)
        yield _step(facts, "write-proof", purpose, touch)
    if not _is_noted(facts, PROOF_FLUSHED):
        flush = _hammer(new, "synctid", new.directory)
        notes = ((PROOF_FLUSHED, YES),)
        yield _step(
            facts,
            "flush-proof",
            "flush the new master, so that the file can be mirrored",
            flush,
            notes=notes,
        )
    if old.proof is None:
        copy = Copy(new.operand, old.operand)
        yield _step(facts, "copy-back", "copy the file to the old master", copy)
    remove = Command(("rm", "-f", path), new.endpoint.host)
    notes = ((PROVED, YES),)
    yield _step(facts, "remove-proof", "remove that file", remove, notes=notes)


def _release() -> Step:
    return Step("release", "let the pair be streamed, as the config says", Release())


def _role_step(
    name: str, verb: str, purpose: str, end: End, way_back: tuple[str, ...] = ()
) -> Step:
    words = ("hammer", verb, end.operand.path)
    command = Command(words, end.endpoint.host, expects="succeeded", retry=settled(end))
    return Step(name, purpose, command, way_back)


def _step(
    facts: PairFacts,
    name: str,
    purpose: str,
    action: Action,
    *,
    notes: tuple[tuple[str, str], ...] = (),
) -> Step:
    return Step(name, purpose, action, _back(facts), notes)


def _hammer(end: End, *words: str) -> Command:
    return Command(("hammer", *words), end.endpoint.host)


def _back(facts: PairFacts) -> tuple[str, ...]:
    """Return how to go back while this step is the next one."""
    name, new = facts.pair.name, facts.slave
    if is_master(new):
        return (f"none; nothing is lost, the new master is {new.operand} and holds all",)
    return (f'nothing is lost; to go back: "hammerd switchover {name} --undo"',)


def _note(facts: PairFacts, key: str) -> str:
    return facts.record.notes.get(key, "") if is_own(facts.record) and facts.record else ""


def _is_noted(facts: PairFacts, key: str) -> bool:
    return _note(facts, key) == YES


def _hold_notes(facts: PairFacts) -> Iterator[tuple[str, str]]:
    old, new = facts.master, facts.slave
    yield "old_master", str(facts.pair.master)
    yield "new_master", str(facts.pair.slave)
    yield "master_link", old.operand.path
    yield "slave_link", new.operand.path
    yield "master_host", old.endpoint.host.key
    yield "slave_host", new.endpoint.host.key
    yield "master_tid", show_tid(old.system_tid)
    yield "slave_tid", show_tid(new.tid)
    yield "slave_system_tid", show_tid(new.system_tid)
    yield MOUNTS, "\n".join(dict.fromkeys(old.mounts))


# --- words -----------------------------------------------------------------------------------


def _notes(facts: PairFacts) -> Iterator[str]:
    yield describe_end("old master", facts.master)
    yield describe_end("new master", facts.slave)
    if is_own(facts.record) and facts.record is not None:
        yield f'a switchover is under way; its last step was "{facts.record.step}"'
    elif is_master(facts.master):
        yield from describe_writers(facts)
        yield from describe_open_files("master", facts.master.open_files)


def _afterwards(facts: PairFacts, turn: Turn | None) -> Iterator[str]:
    old, new, turned = facts.master, facts.slave, turned_ends(facts)
    if turn is None:
        yield (
            f'swap the pair in the config: master = "{turned["master"]}",'
            f' slave = "{turned["slave"]}"; then "hammerd reload" (--config does it)'
        )
    noted = _note(facts, MOUNTS)
    for place in noted.split("\n") if noted else dict.fromkeys(old.mounts):
        yield f"the old master was mounted at {place}: take that line out of /etc/fstab"
    link, place = new.operand.path, "/SOME/DIRECTORY"
    yield (
        f'mount the new master where it is used: "mount_null {link} {place}", and in /etc/fstab:'
        f' "{link} {place} null rw 0 0"'
    )
    yield (
        f'the way back is another "hammerd switchover {facts.pair.name}", once the TIDs of the'
        f" file system of {old.endpoint} are above those of {new.endpoint}"
    )
