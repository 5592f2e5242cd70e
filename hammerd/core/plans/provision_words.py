"""Tells a person what provision has found at a pair, and what is left to do."""

from collections.abc import Iterator
from posixpath import dirname

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.plans.provision_facts import End, Facts
from hammerd.core.tid import format_tid


def notes_of(facts: Facts) -> tuple[str, ...]:
    """Return what a person must know before anything is done."""
    return (*_fstab_notes(facts), *_stream_notes(facts), *_unseen_notes(facts))


def warnings_of(facts: Facts) -> tuple[str, ...]:
    """Return what may be wrong with the wish itself."""
    elsewhere = (*_elsewhere(facts.master), *_elsewhere(facts.slave))
    return (*_same_disk(facts), *elsewhere, *_failing_line(facts))


def _failing_line(facts: Facts) -> Iterator[str]:
    """Tell of a null mount in fstab whose file system is not mounted before it."""
    fstab, master = facts.fstab, facts.master
    if fstab.is_edited and fstab.wanted_text is not None and not master.is_in_fstab:
        yield (
            f"{fstab.path} does not mount {master.file_system}: at a boot mount -a would fail at"
            " the line of the null mount"
        )


def _same_disk(facts: Facts) -> Iterator[str]:
    master, slave = facts.master, facts.slave
    if master.file_system and (master.host, master.file_system) == (slave.host, slave.file_system):
        at = master.file_system
        yield f"both ends are on {at}: when its disk dies, master and slave are lost"


def _elsewhere(end: End) -> Iterator[str]:
    """Tell of a place that is not at the top of its file system: is a disk not mounted?"""
    if end.place is None or not end.file_system or end.status is not None:
        return
    if dirname(end.place.path) != end.file_system:
        yield f"{end.place.path} is on {end.file_system}, so its PFS is to be {end.link.path}"


def afterwards_of(facts: Facts) -> tuple[str, ...]:
    """Return what was checked, and what is left to a person; nothing before the slave is there."""
    master, slave = facts.master.status, facts.slave.status
    if master is None or slave is None or not facts.is_mirrored:
        return ()
    return (*_checked(facts.master, master, facts.slave, slave), *_next(facts))


def _checked(master: End, of_master: PfsStatus, slave: End, of_slave: PfsStatus) -> Iterator[str]:
    yield f"master {master.pfs}: PFS#{of_master.pfs_id}, TID {format_tid(of_master.sync_end_tid)}"
    can = "can be read" if slave.is_readable else "whether it can be read was not seen"
    tid = format_tid(of_slave.sync_end_tid)
    yield f"slave {slave.pfs}: PFS#{of_slave.pfs_id}, TID {tid}, {can}"
    yield f"both have shared-uuid {of_slave.shared_uuid}"


def _next(facts: Facts) -> Iterator[str]:
    is_configured = facts.config.wanted_text is None or facts.config.is_edited
    if not is_configured:
        yield f"{facts.config.path} does not have the pair: --config writes it"
    elif facts.daemon is None:
        yield "no hammerd runs: service hammerd start begins to mirror"


def _fstab_notes(facts: Facts) -> Iterator[str]:
    fstab = facts.fstab
    if fstab.conflict and not fstab.is_edited:
        yield f"{fstab.path}: {fstab.conflict}"
    elif fstab.wanted_text is not None and not fstab.is_edited:
        yield f"without this line in {fstab.path} a boot loses the mount (--fstab adds it):"
        yield from (line.replace("+ ", "    ", 1) for line in fstab.change)


def _stream_notes(facts: Facts) -> Iterator[str]:
    for line in facts.schedules:
        yield f"{line}"
        yield "  delete that line: hammerd starts the stream, and two streams onto one slave move"
        yield "  its TID backwards"
    for each in facts.writers:
        if not each.is_ours:
            yield f"process group {each.pgid} writes to the slave: {each.line}"
            yield f"  end it with: kill -TERM -- -{each.pgid}"


def _unseen_notes(facts: Facts) -> Iterator[str]:
    for each in (facts.master, facts.slave):
        if not each.is_seen:
            yield (
                f"on {each.host.name} only the PFS itself can be looked at, and {each.pfs} is"
                " taken for its softlink; ssh_admin_identity names a key that may do more"
            )
