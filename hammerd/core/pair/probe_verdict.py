"""Judges what the probes of both ends say together: go, wait for a mount, park, or try again.

    an end resolves to PFS#0     mount: a null mount that is not there shows the directory beneath
    both are the same PFS        park: same_pfs
    shared-uuids differ          park: uuid_mismatch
    the slave is a master        park: not_a_slave
    an end could not be read     the cure of its complaint
    nothing of this              go, and say whether the slave is ahead

Of the first four the first that applies counts; against a failure to read an end the stronger,
park > mount > retry: a slave promoted when its master died parks although the master is silent.
A slave ahead of its master is not judged here: one probe proves nothing, for the two ends are
read one after the other. Hints hold nothing that changes from probe to probe.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from hammerd.core.hammer.diagnostics import NOT_A_HAMMER_FS
from hammerd.core.hammer.messages import Complaint, Cure, ParkCause
from hammerd.core.hammer.pfs_status import ROOT_PFS, PfsStatus
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import NEVER_MIRRORED

# --- what is seen of an end ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileStat:
    """What lstat and readlink say of one path; `link_text` is None where it is no symlink.

    `device` is the file system that it is on, None where that is not known.
    """

    exists: bool
    is_symlink: bool = False
    link_text: str | None = None
    is_directory: bool = False
    device: int | None = None


@dataclass(frozen=True, slots=True)
class PathStat:
    """What is at a path (`itself`), and at the directory `above` it.

    `is_read_only` tells whether the file system there takes no write, None where that is not
    known.
    """

    path: str
    itself: FileStat
    above: FileStat
    is_read_only: bool | None = None


class ProbeTrouble(StrEnum):
    """Why an end could not be read, where hammer itself named no cause."""

    PROBE_TIMEOUT = "probe_timeout"
    SPAWN_FAILED = "spawn_failed"
    BAD_OUTPUT = "bad_output"
    PROBE_SILENT = "probe_silent"


@dataclass(frozen=True, slots=True)
class ProbeFailed:
    """An end could not be read: why, and how its path looks where we can look at it.

    `detail` says more of a ProbeTrouble, in words for a person.
    """

    why: Complaint | ProbeTrouble
    stat: PathStat | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class MasterByLink:
    """A slave's link says that it is a master, and so nothing else was asked of it.

    Each pfs-status of a master moves the TID that a later downgrade stores (docs/hammer.md 1.7): a
    slave that was promoted is left as it is.
    """

    pfs_id: int


ProbeResult = PfsStatus | ProbeFailed | MasterByLink

# --- what follows from it --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Go:
    """A stream may run; `ahead`: in this one reading the slave's TID is beyond the master's."""

    ahead: bool = False


@dataclass(frozen=True, slots=True)
class AwaitMount:
    """Something is not mounted, or not made yet; `cause` is a short stable name."""

    cause: str
    hint: str


@dataclass(frozen=True, slots=True)
class Park:
    """The pair needs a person."""

    cause: ParkCause
    hint: str


@dataclass(frozen=True, slots=True)
class Retry:
    """It may pass by itself; `cause` is a short stable name."""

    cause: str
    hint: str


ProbeVerdict = Go | AwaitMount | Park | Retry


def verdict_of(pair: Pair, master: ProbeResult | None, slave: ProbeResult | None) -> ProbeVerdict:
    """Say what is to become of a pair whose ends were seen so; None: that end was not asked."""
    known_master = master if isinstance(master, PfsStatus) else None
    known_slave = slave if isinstance(slave, PfsStatus) else None
    findings: list[Park | AwaitMount | Retry | None] = [
        _judge_mounts(pair, known_master, known_slave)
        or _judge_kinship(pair, known_master, known_slave)
        or _judge_slave(pair, known_master, known_slave)
    ]
    if isinstance(slave, MasterByLink):
        uuid = known_master.shared_uuid if known_master else "MASTERS"
        findings.append(_promoted(pair, known_master, uuid))
    if isinstance(master, ProbeFailed):
        findings.append(_judge_failure("master", pair.master, master))
    if isinstance(slave, ProbeFailed):
        findings.append(_judge_failure("slave", pair.slave, slave))
    obstacles = [finding for finding in findings if finding]
    return min(obstacles, key=_weight, default=Go(_is_ahead(known_master, known_slave)))


def _weight(obstacle: Park | AwaitMount | Retry) -> int:
    return (Park, AwaitMount, Retry).index(type(obstacle))


# --- both ends were read ---------------------------------------------------------------------


def _judge_mounts(
    pair: Pair, master: PfsStatus | None, slave: PfsStatus | None
) -> AwaitMount | None:
    if slave and slave.pfs_id == ROOT_PFS:
        return _null_mount_missing("slave", pair.slave, "the root PFS of a file system")
    if master and slave and master.pfs_id == ROOT_PFS and not _are_kin(master, slave):
        return _null_mount_missing("master", pair.master, "the root PFS of a file system")
    return None


def unmounted_endpoints(
    pairs: Iterable[Pair], seen: Mapping[Endpoint, ProbeResult]
) -> frozenset[Endpoint]:
    """Return the ends that lead to the root PFS of a file system in place of their own.

    What is read there is of another PFS: neither its TID nor its role is that of the end.
    """
    found: set[Endpoint] = set()
    for pair in pairs:
        master, slave = seen.get(pair.master), seen.get(pair.slave)
        if isinstance(slave, PfsStatus) and slave.pfs_id == ROOT_PFS:
            found.add(pair.slave)
        elif _is_root_of_another(master, slave):
            found.add(pair.master)
    return frozenset(found)


def _is_root_of_another(master: ProbeResult | None, slave: ProbeResult | None) -> bool:
    if not (isinstance(master, PfsStatus) and isinstance(slave, PfsStatus)):
        return False
    return master.pfs_id == ROOT_PFS and not _are_kin(master, slave)


def _judge_kinship(pair: Pair, master: PfsStatus | None, slave: PfsStatus | None) -> Park | None:
    if master is None or slave is None:
        return None
    if master.unique_uuid == slave.unique_uuid:
        return Park(
            ParkCause.SAME_PFS,
            f"master {pair.master} and slave {pair.slave} are the same PFS ({master.unique_uuid});"
            ' point the slave at a PFS made with "hammer pfs-slave"',
        )
    if not _are_kin(master, slave):
        return Park(ParkCause.UUID_MISMATCH, _mismatch_hint(pair, master, slave))
    return None


def _mismatch_hint(pair: Pair, master: PfsStatus, slave: PfsStatus) -> str:
    path = pair.slave.path
    said = (
        f"master {pair.master} has shared-uuid {master.shared_uuid},"
        f" slave {pair.slave} has {slave.shared_uuid}"
    )
    if slave.is_master:
        return f"{said} and is a master: one of the two paths is wrong"
    if slave.sync_end_tid == NEVER_MIRRORED:
        cure = f'if no path is wrong: "hammer pfs-update {path} shared-uuid={master.shared_uuid}"'
    else:
        cure = (
            "if no path is wrong and nothing in the slave is needed,"
            f" {_anew(path, master.shared_uuid)}"
        )
    return f"{said}; {cure}{_there(pair.slave)}"


def _judge_slave(pair: Pair, master: PfsStatus | None, slave: PfsStatus | None) -> Park | None:
    if slave is None or not slave.is_master:
        return None
    return _promoted(pair, master, slave.shared_uuid)


def _promoted(pair: Pair, master: PfsStatus | None, shared_uuid: str) -> Park:
    said = (
        f"slave {pair.slave} is a master. First: is the path right? If it was promoted on purpose,"
        " swap master and slave."
    )
    # A slave whose master is not there may be all that is left: only both ends tell.
    if master is not None and master.is_master:
        lost = "Only if what was written to it may be lost,"
        said += f" {lost} {_anew(pair.slave.path, shared_uuid)}{_there(pair.slave)};"
    return Park(ParkCause.NOT_A_SLAVE, f'{said} then "hammerd resume {pair.name}"')


def _anew(path: str, shared_uuid: str) -> str:
    """Say how to make a slave anew, which is the only safe way back from a master.

    A downgrade stores the TID of the slave's own file system: what its master wrote below that
    would never be mirrored (docs/hammer.md 1.7), and no lag would tell of it.
    """
    return (
        f'make it anew: "hammer pfs-destroy {path}",'
        f' "hammer pfs-slave {path} shared-uuid={shared_uuid}"'
    )


def _are_kin(master: PfsStatus, slave: PfsStatus) -> bool:
    return master.shared_uuid == slave.shared_uuid


def _is_ahead(master: PfsStatus | None, slave: PfsStatus | None) -> bool:
    return bool(master and slave and slave.sync_end_tid > master.sync_end_tid)


# --- an end was not read ---------------------------------------------------------------------


def _judge_failure(role: str, end: Endpoint, seen: ProbeFailed) -> Park | AwaitMount | Retry:
    who = f"{role} {end}"
    if isinstance(seen.why, ProbeTrouble):
        return Retry(seen.why.value, f"{who}: {seen.detail or _TROUBLE_HINTS[seen.why]}")
    complaint = seen.why
    match complaint.cure:
        case Cure.PARK:
            cause = complaint.park_cause or ParkCause.REFUSED
            return Park(cause, f"{who}: {complaint.hint}")
        case Cure.RETRY | Cure.NOTE | Cure.ECHO:
            return Retry(complaint.name, f"{who}: {complaint.hint}")
        case Cure.MOUNT:
            return _await_end(role, end, seen, complaint)
        case _:
            assert_never(complaint.cure)


def _await_end(role: str, end: Endpoint, seen: ProbeFailed, complaint: Complaint) -> AwaitMount:
    who = f"{role} {end}"
    if complaint.name == NOT_A_HAMMER_FS and seen.stat and seen.stat.itself.is_directory:
        return _null_mount_missing(role, end, "a plain directory outside HAMMER")
    unexplained = AwaitMount(complaint.name, f"{who}: {complaint.hint}")
    return (seen.stat and _judge_look(role, who, seen.stat)) or unexplained


_TROUBLE_HINTS = {
    ProbeTrouble.PROBE_TIMEOUT: "pfs-status does not come back: look at the disk or the host",
    ProbeTrouble.SPAWN_FAILED: "pfs-status could not be started: is the daemon's `hammer` right?",
    ProbeTrouble.BAD_OUTPUT: "what pfs-status prints is not understood: run it by hand, as root",
    ProbeTrouble.PROBE_SILENT: "pfs-status failed without a word: run it by hand, as root",
}


_MAKING = {
    "master": '"hammer pfs-master PATH"',
    "slave": '"hammer pfs-slave PATH shared-uuid=MASTERS"',
}


def _judge_look(role: str, who: str, stat: PathStat) -> AwaitMount | None:
    """Tell a missing file system and a missing PFS apart, or return None."""
    match stat:
        case PathStat(above=FileStat(exists=False)):
            return AwaitMount(
                "file_system_missing",
                f"{who}: not even the directory above it is there; is its file system mounted?"
                ' See mount(8) and /etc/fstab; "mount -a"',
            )
        case PathStat(itself=FileStat(exists=False)):
            return AwaitMount(
                "pfs_missing",
                f"{who}: the directory above it is there, the PFS is not: mount the file system"
                f" that holds it, or make it with {_MAKING[role]}",
            )
        case PathStat(itself=FileStat(is_symlink=True, link_text=str(text))):
            return _judge_link(role, who, text)
        case _:
            return None


def _judge_link(role: str, who: str, text: str) -> AwaitMount | None:
    name = text.rpartition("/")[2]
    if name.startswith("@@PFS"):
        # The kernel shows a softlink untranslated when it knows no such PFS (docs/hammer.md 1.3).
        return AwaitMount(
            "pfs_missing",
            f"{who}: the softlink is there ({text}), its PFS is not: its file system is not"
            " mounted, or the PFS was destroyed; then remove the link and make it with"
            f" {_MAKING[role]}",
        )
    if name.startswith("@@"):
        return None
    return AwaitMount(
        "link_target_missing",
        f"{who}: it is a symlink to {text}, which is not there; mount the file system of that,"
        " or name the PFS softlink itself",
    )


def _null_mount_missing(role: str, end: Endpoint, what: str) -> AwaitMount:
    return AwaitMount(
        "null_mount_missing",
        f"{role} {end}: leads to {what}, not to the PFS; most often its null mount is missing:"
        f' "mount_null PFS {end.path}"{_there(end)}; better name the PFS softlink itself',
    )


def _there(end: Endpoint) -> str:
    return f" on {end.login}" if end.is_remote else ""
