"""Plans the way from file systems to a mirrored pair: only the steps that are missing.

    hold                 master-pfs-directory  master-pfs   mount-directory  null-mount  fstab
    slave-pfs-directory  slave-pfs             slave-uuid   symlink-directory slave-symlink
    flush                copy                  config       reload           release

The pair is held while steps make its PFSs or write to its slave. A copy follows a synctid, because
a flush publishes the master's root, and a slave that was copied before shows nothing
(docs/hammer.md 3.6).
"""

from collections.abc import Iterator

from hammerd.core.hosts.host import THIS_HOST
from hammerd.core.plans.provision_facts import EditableFile, End, Facts, Kind
from hammerd.core.plans.provision_reasons import reasons_of
from hammerd.core.plans.provision_words import afterwards_of, notes_of, warnings_of
from hammerd.core.plans.record import SLAVE_LINK
from hammerd.core.plans.steps import (
    Command,
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

UNKNOWN_UUID = "UUID-OF-THE-MASTER"
"""The shared-uuid in a dry run, before the master is made."""

MADE = "succeeded!"
"""The word without which pfs-master and pfs-slave have made nothing (docs/hammer.md 3.4)."""

NEEDS_ROOT = Reason("hammer needs root", "run this as root")

AT_REST = frozenset({"master-pfs", "slave-pfs", "slave-uuid", "flush", "copy"})
"""The steps that need the pair at rest; a stream may run while a directory is mounted."""

COPY, COPIED, FLUSHED = "copy", "copied", "flushed"
"""Notes of the record: a copy is wanted; how many have succeeded; a synctid came after it."""


def plan_provision(facts: Facts) -> Plan | Refused:
    """Return the steps that are missing, or all reasons why nothing may be done."""
    if reasons := reasons_of(facts):
        return Refused(reasons)
    steps = (
        *_master_steps(facts.master),
        *_edit("fstab", "mount the master at each boot", facts.fstab),
        *_slave_steps(facts),
        *_copy_steps(facts),
        *_config_steps(facts),
    )
    is_touched = any(step.name in AT_REST for step in steps)
    held = (*_hold(facts),) if is_touched else ()
    return Plan(
        (*held, *steps, *_release(facts, is_touched=is_touched)),
        notes=notes_of(facts),
        warnings=warnings_of(facts),
        question=_question(facts),
        afterwards=afterwards_of(facts),
        before=_before(facts, is_touched=is_touched),
    )


# --- the pair at rest ------------------------------------------------------------------------


def _hold(facts: Facts) -> Iterator[Step]:
    if facts.record is None:
        copy = ((COPY, "yes"),) if _is_copy_wanted(facts) else ()
        link = ((SLAVE_LINK, facts.slave.link.path),) if facts.slave.host == THIS_HOST else ()
        purpose = "keep the pair at rest while its ends change"
        yield Step("hold", purpose, Hold((*copy, *link)))


def _release(facts: Facts, *, is_touched: bool) -> Iterator[Step]:
    is_held = facts.daemon is not None and facts.daemon.holds_pair
    if is_touched or facts.record is not None or is_held:
        yield Step("release", "let the pair be streamed", Release())


def _before(facts: Facts, *, is_touched: bool) -> tuple[Reason, ...]:
    """Return what a person must do first."""
    rights = () if facts.has_rights else (NEEDS_ROOT,)
    return (*rights, *(_writer_reasons(facts) if is_touched else ()))


def _writer_reasons(facts: Facts) -> Iterator[Reason]:
    for each in facts.writers:
        if each.is_ours and facts.daemon is not None:
            continue
        left = "a hammerd that is gone left it; " if each.is_ours else ""
        yield Reason(
            f"process group {each.pgid} writes to the slave: {each.line}",
            f'{left}wait for the end of a mirror-copy; end a stream with "kill -TERM -- '
            f'-{each.pgid}"',
        )


# --- the ends --------------------------------------------------------------------------------


def _master_steps(master: End) -> Iterator[Step]:
    link = master.link.path
    yield from _directory_step("master", master)
    if master.is_missing:
        yield _command(master, "master-pfs", "make the master", "hammer", "pfs-master", link)
    place = master.place
    if place is None or master.shows_pfs:
        return
    if place.kind is Kind.MISSING:
        purpose = "make the directory where the master is mounted"
        yield _command(master, "mount-directory", purpose, "mkdir", "-p", place.path)
    yield _command(master, "null-mount", "mount the master", "mount_null", link, place.path)


def _slave_steps(facts: Facts) -> Iterator[Step]:
    slave, link = facts.slave, facts.slave.link.path
    uuid = f"shared-uuid={_uuid(facts)}"
    yield from _directory_step("slave", slave)
    if slave.is_missing:
        purpose = "make the slave, with the shared-uuid of its master"
        yield _command(slave, "slave-pfs", purpose, "hammer", "pfs-slave", link, uuid)
    elif _is_half_made(facts):
        purpose = "give the shared-uuid of its master to the slave, which was never mirrored"
        yield _command(slave, "slave-uuid", purpose, "hammer", "pfs-update", link, uuid)
    if slave.place is not None and slave.place.kind is Kind.MISSING:
        directory = slave.place_directory
        if directory is not None and directory.kind is Kind.MISSING:
            purpose = "make the directory of the slave's symlink"
            yield _command(slave, "symlink-directory", purpose, "mkdir", "-p", directory.path)
        purpose = "let the slave be found beside its file system"
        yield _command(slave, "slave-symlink", purpose, "ln", "-s", link, slave.place.path)


def _directory_step(name: str, end: End) -> Iterator[Step]:
    is_unseen = end.link_directory.kind is Kind.UNSEEN and end.is_missing
    if end.link_directory.kind is Kind.MISSING or is_unseen:
        purpose = f"make the directory of the {name}'s softlink"
        directory = end.link_directory.path
        yield _command(end, f"{name}-pfs-directory", purpose, "mkdir", "-p", directory)


def _command(end: End, name: str, purpose: str, *words: str) -> Step:
    expects = MADE if words[1] in ("pfs-master", "pfs-slave") else ""
    return Step(name, purpose, Command(words, end.host, expects=expects))


def _uuid(facts: Facts) -> str:
    return facts.master.status.shared_uuid if facts.master.status else UNKNOWN_UUID


def _is_half_made(facts: Facts) -> bool:
    """Return whether the slave has another shared-uuid and holds nothing.

    A pfs-slave that fails in its last part leaves such a PFS behind (docs/hammer.md 3.4).
    """
    status = facts.slave.status
    is_empty = status is not None and status.sync_end_tid <= NEVER_MIRRORED
    return status is not None and is_empty and status.shared_uuid != _uuid(facts)


def _question(facts: Facts) -> str:
    step = facts.record.step if facts.record is not None else ""
    if not _is_half_made(facts) or step in ("slave-pfs", "slave-uuid"):
        return ""  # what this plan has left needs no yes
    return (
        f"{facts.slave.pfs} has another shared-uuid and was never mirrored: is it what a"
        " pfs-slave left that failed, so that it may become the slave of this master?"
    )


# --- the first copy --------------------------------------------------------------------------


def _is_copy_wanted(facts: Facts) -> bool:
    is_left = facts.note(COPY) != "" and facts.note(COPIED) == ""
    return is_left or not facts.is_mirrored


def _copy_steps(facts: Facts) -> Iterator[Step]:
    if not _is_copy_wanted(facts):
        return
    master = facts.master
    if not facts.note(FLUSHED) and (master.is_missing or _can_flush(master)):
        purpose = "flush the master, so that all of it can be mirrored"
        flush = Command(("hammer", "synctid", master.link.path), master.host)
        yield Step("flush", purpose, flush, notes=((FLUSHED, "yes"),))
    yield Step(
        "copy",
        "copy the master to the slave",
        Copy(master.pfs, facts.slave.pfs),
        # What was flushed before a copy that showed nothing was not enough.
        notes=((COPIED, str(facts.copies + 1)), (FLUSHED, "")),
    )


def _can_flush(master: End) -> bool:
    return master.host.administered is not None


# --- files of this machine -------------------------------------------------------------------


def _config_steps(facts: Facts) -> Iterator[Step]:
    config, daemon = facts.config, facts.daemon
    yield from _edit("config", "write the pair into the config", config)
    if daemon is not None and not daemon.has_pair and config.is_edited:
        yield Step("reload", "let the running hammerd read it", ReloadDaemon())


def _edit(name: str, purpose: str, file: EditableFile) -> Iterator[Step]:
    if file.is_edited and file.wanted_text is not None:
        edit = WriteFile(file.path, file.wanted_text, file.change, file.text)
        yield Step(name, purpose, edit)
