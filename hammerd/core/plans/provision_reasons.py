"""Finds the reasons why provision must leave an end alone: it holds something else.

All of them are found at once, so that a person need not run the command once for each.
"""

from collections.abc import Iterator

from hammerd.core.hammer.pfs_status import ROOT_PFS
from hammerd.core.plans.provision_facts import End, Facts, Kind, PathFact, is_same_pfs
from hammerd.core.plans.record import PlanName, PlanRecord, Stage
from hammerd.core.plans.steps import Reason
from hammerd.core.tid import NEVER_MIRRORED, format_tid

MOST_COPIES = 3
"""After so many copies a slave that shows nothing has another cause than an unpublished root."""

LEFT_ALONE = "provision changes nothing that holds something else"


def reasons_of(facts: Facts) -> tuple[Reason, ...]:
    """Return all reasons, those of this machine first."""
    return (
        *_copy_reasons(facts),
        *_overlap_reasons(facts),
        *_end_reasons("master", facts.master),
        *_end_reasons("slave", facts.slave),
        *_master_reasons(facts.master),
        *_slave_reasons(facts),
        *_fstab_reasons(facts),
    )


def other_plan_reasons(pair: str, record: PlanRecord | None) -> Iterator[Reason]:
    """Find another plan that holds the pair."""
    if record is not None and record.plan is not PlanName.PROVISION:
        plan = record.plan
        hint = f'wait until it has ended; if it was interrupted, "hammerd {plan} {pair}" goes on'
        if record.stage is Stage.PROMOTED:
            hint = f'its slave was promoted: "hammerd reseed {pair}" makes the old master a slave'
        yield Reason(f"{plan} holds pair {pair} (its last step: {record.step or 'none'})", hint)


def _copy_reasons(facts: Facts) -> Iterator[Reason]:
    if facts.copies >= MOST_COPIES and not facts.is_mirrored:
        yield Reason(
            f"slave {facts.slave.pfs} shows nothing after {MOST_COPIES} copies",
            "write a file to the master, wait a minute, and run this command again",
        )


def _fstab_reasons(facts: Facts) -> Iterator[Reason]:
    if facts.fstab.is_edited and facts.fstab.conflict:
        yield Reason(f"{facts.fstab.path}: {facts.fstab.conflict}", "correct it, or omit --fstab")


def _end_reasons(name: str, end: End) -> Iterator[Reason]:
    link = end.link
    at = _name_of(name, end)
    if end.missing_mount:
        yield Reason(
            f"{end.missing_mount} is in fstab and not mounted, so {at} cannot be seen",
            f"mount {end.missing_mount}",
        )
        return
    if link.kind is Kind.DIRECTORY:
        yield Reason(
            f"{at} is a plain directory of its file system (PFS#0), no softlink of a PFS",
            f"name another path, or rmdir {link.path} if it is empty",
        )
    elif link.kind is Kind.FILE:
        yield Reason(f"{at} is a file, no softlink of a PFS", "name another path")
    elif link.is_dead_link:
        yield Reason(
            f"{at} is the softlink of a PFS that was destroyed",
            f"rm {link.path}, and run this command again",
        )
    elif link.kind is Kind.SYMLINK and link.linked is None:
        yield Reason(
            f"{at} is a symlink to {link.text}, no softlink of a PFS",
            f"name the softlink with --{name}-pfs",
        )
    elif end.trouble:
        hint = "is its file system mounted? See mount(8) and /etc/fstab"
        yield Reason(f"{at} cannot be read: {end.trouble}", hint)
    yield from _above_reasons(at, end)


def _name_of(name: str, end: End) -> str:
    """Return the role and the softlink of an end, and the symlink that led to it."""
    place = end.place
    is_led = place is not None and place.kind is Kind.SYMLINK and end.shows_pfs
    return f"{name} {end.pfs}" + (f", to which {place.path} points," if place and is_led else "")


def _overlap_reasons(facts: Facts) -> Iterator[Reason]:
    """Find a path that the place of an end would hide, or that both ends want."""
    master, slave = facts.master, facts.slave
    yield from _hidden(master, master.link)
    yield from _hidden(slave, slave.link)
    if master.host != slave.host:
        return
    if master.link.path == slave.link.path and slave.status is None:
        yield Reason(f"master and slave are one path: {slave.pfs}", "name another slave")
    # The symlink to the slave may be within the master, and is then made there.
    yield from _hidden(master, slave.link)
    yield from _hidden(slave, master.link)
    yield from _hidden(slave, master.place)


def _hidden(end: End, inside: PathFact | None) -> Iterator[Reason]:
    place = end.place
    if place is not None and inside is not None and inside.path.startswith(f"{place.path}/"):
        yield Reason(
            f"{inside.path} cannot be below {place.path}, which is to show {end.pfs}",
            "name other paths, or another softlink with --master-pfs or --slave-pfs",
        )


def _above_reasons(at: str, end: End) -> Iterator[Reason]:
    if end.above is None or end.trouble:
        return
    above = end.above_status
    if above is None:
        yield Reason(
            f"{end.above} is on no HAMMER file system, so {at} cannot be made",
            "name a path on a mounted HAMMER file system",
        )
    elif above.pfs_id != ROOT_PFS:
        yield Reason(
            f"{end.above} is inside PFS#{above.pfs_id}, and PFSs are made in PFS#0 only",
            "name a softlink in the pfs directory of the file system itself",
        )


def _master_reasons(master: End) -> Iterator[Reason]:
    status, place = master.status, master.place
    if status is not None and not status.is_master:
        yield Reason(
            f"master {master.pfs} is a slave, of {status.shared_uuid}; {LEFT_ALONE}",
            "if the ends are swapped, swap master and slave in the config",
        )
    if place is None or place.kind in (Kind.MISSING, Kind.UNSEEN) or master.shows_pfs:
        return
    if tuple(_end_reasons("master", master)):
        return  # what the place shows cannot be compared with it
    if place.kind is not Kind.DIRECTORY:
        to = f" to {place.text}" if place.text else ""
        yield Reason(
            f"{place.path} is {place.kind}{to}, and {master.link.path} is to be mounted there",
            "name the softlink with --master-pfs, or remove what is there",
        )
    elif (shown := master.place_status) is not None and shown.pfs_id != ROOT_PFS:
        yield Reason(
            f"{place.path} shows another PFS (PFS#{shown.pfs_id}) than {master.link.path}",
            "name its softlink with --master-pfs",
        )
    elif not place.is_empty:
        yield Reason(
            f"{place.path} holds files, and a null mount would hide them",
            "move them away; they can be moved back into the PFS when it is mounted",
        )


def _slave_reasons(facts: Facts) -> Iterator[Reason]:
    master, slave = facts.master, facts.slave
    place = slave.place
    if place and place.kind not in (Kind.MISSING, Kind.UNSEEN) and not slave.shows_pfs:
        to = f" to {place.text}" if place.text else ""
        yield Reason(
            f"{place.path} is {place.kind}{to}, and is to be a symlink to {slave.link.path}",
            "name the softlink with --slave-pfs, or remove what is there",
        )
    linked = slave.link.linked
    if slave.status is None:
        if linked is not None and linked.is_master:
            yield _master_in_its_place(facts, slave)
        return
    if is_same_pfs(slave.status, master.status):
        yield Reason(f"master and slave are one PFS: {slave.pfs}", "name another slave")
    elif slave.status.is_master:
        yield _master_in_its_place(facts, slave)
    elif slave.status.sync_end_tid > NEVER_MIRRORED:
        yield from _mirror_reasons(facts)


def _master_in_its_place(facts: Facts, slave: End) -> Reason:
    status, master = slave.status, facts.master.status
    if status is None:
        return Reason(
            f"slave {slave.pfs} is a master; {LEFT_ALONE}",
            f'if it was promoted: "hammerd reseed {facts.pair}" mirrors in the other direction;'
            " else name another path for the slave",
        )
    if master is not None and master.shared_uuid == status.shared_uuid:
        return Reason(
            f"slave {slave.pfs} was promoted: it is a master of the same shared-uuid",
            f"see hammerd promote {facts.pair} --plan; hammerd reseed {facts.pair} makes the old"
            " one a fresh slave",
        )
    return Reason(
        f"slave {slave.pfs} is a master, of {status.shared_uuid}; {LEFT_ALONE}",
        "name another path for the slave",
    )


def _mirror_reasons(facts: Facts) -> Iterator[Reason]:
    """Find what is wrong with a slave that was mirrored already."""
    slave, master = facts.slave.status, facts.master.status
    assert slave is not None
    if master is None:
        if facts.master.is_missing:
            yield Reason(
                f"slave {facts.slave.pfs} mirrors {slave.shared_uuid}, and its master is missing",
                "name the master that it mirrors, or another path for the slave",
            )
    elif slave.shared_uuid != master.shared_uuid:
        yield Reason(
            f"slave {facts.slave.pfs} mirrors another master, {slave.shared_uuid}; {LEFT_ALONE}",
            "name another path for the slave",
        )
    elif slave.sync_end_tid > master.sync_end_tid:
        yield Reason(
            f"slave {facts.slave.pfs} has TID {format_tid(slave.sync_end_tid)}, its master only"
            f" {format_tid(master.sync_end_tid)}: they have diverged",
            f"hammerd reseed {facts.pair} makes a fresh slave of it, and tells what is lost",
        )
