"""Combines the probes of both endpoints into a verdict: go, wait for a mount, park, or retry.

    an endpoint resolves to PFS#0     mount: a missing null mount shows the directory beneath
    both are the same PFS             park: same_pfs
    shared-uuids differ               park: uuid_mismatch
    the slave is a master             park: not_a_slave
    an endpoint could not be read     the cure of its complaint
    nothing of this                   go; the verdict tells whether the slave is ahead

Of the first four the first that applies counts; of it and a failed read the stronger counts,
park > mount > retry: a slave promoted when its master died parks although the master is silent.
A slave ahead of its master does not park here: the endpoints are read one after the other, so one
probe proves nothing. Hints hold nothing that changes from probe to probe.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from hammerd.core.hammer.diagnostics import NOT_A_HAMMER_FS
from hammerd.core.hammer.hints import fit_hint
from hammerd.core.hammer.messages import Complaint, Cure, ParkCause
from hammerd.core.hammer.pfs_status import ROOT_PFS, PfsStatus
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import NEVER_MIRRORED

SLAVE_AWAY = "slave_away"
"""The cause to wait for a mount if no slave of several that take turns is there."""

_AWAY = frozenset({SLAVE_AWAY, "slave_missing", "slave_question_unanswered"})


def is_away(pair: Pair, because: str) -> bool:
    """Return whether a pair waits for a slave that takes turns with others: that is no fault."""
    return pair.rotate.takes_turns and because in _AWAY


# --- the results of a probe ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileStat:
    """The result of lstat and readlink of one path; `link_text` is None if it is no symlink.

    `device` is the number of its file system, None if unknown.
    """

    exists: bool
    is_symlink: bool = False
    link_text: str | None = None
    is_directory: bool = False
    device: int | None = None


@dataclass(frozen=True, slots=True)
class PathStat:
    """The file at a path (`itself`), and the directory `above` it.

    `is_read_only`: the file system there takes no write; None if unknown.
    """

    path: str
    itself: FileStat
    above: FileStat
    is_read_only: bool | None = None


class ProbeTrouble(StrEnum):
    """The reason why an endpoint could not be read, if hammer itself named no cause."""

    PROBE_TIMEOUT = "probe_timeout"
    SPAWN_FAILED = "spawn_failed"
    BAD_OUTPUT = "bad_output"
    PROBE_SILENT = "probe_silent"


@dataclass(frozen=True, slots=True)
class ProbeFailed:
    """A failed read of an endpoint: its cause, and its path if that is on this machine.

    `detail` explains a ProbeTrouble to a person.
    """

    why: Complaint | ProbeTrouble
    stat: PathStat | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class MasterByLink:
    """A slave whose softlink is that of a master, so it got no pfs-status.

    The role is all that is needed, and a pfs-status of a master overwrites its stored TID
    (docs/hammer.md 1.7): a promoted slave is left as it is.
    """

    pfs_id: int


ProbeResult = PfsStatus | ProbeFailed | MasterByLink

# --- verdicts --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Go:
    """A stream may run; `ahead`: in this one reading the slave's TID is above the master's."""

    ahead: bool = False


@dataclass(frozen=True, slots=True)
class AwaitMount:
    """A file system is not mounted, or a PFS not made yet; `cause` is a short stable name."""

    cause: str
    hint: str


@dataclass(frozen=True, slots=True)
class Park:
    """A person must act."""

    cause: ParkCause
    hint: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The obstacle may pass by itself; `cause` is a short stable name."""

    cause: str
    hint: str


ProbeVerdict = Go | AwaitMount | Park | Retry


def verdict_of(pair: Pair, master: ProbeResult | None, slave: ProbeResult | None) -> ProbeVerdict:
    """Return the verdict about a pair; None for an endpoint that was not probed."""
    known_master, known_slave = _status(master), _status(slave)
    findings: list[Park | AwaitMount | Retry | None] = [
        _judge_mounts(pair, known_master, known_slave)
        or _judge_kinship(pair, known_master, known_slave)
        or _judge_role(pair, slave)
    ]
    if isinstance(master, ProbeFailed):
        findings.append(_judge_failed(pair, "master", master))
    if isinstance(slave, ProbeFailed):
        findings.append(_judge_failed(pair, "slave", slave))
    obstacles = [finding for finding in findings if finding]
    return min(obstacles, key=_weight, default=Go(_is_ahead(known_master, known_slave)))


def _weight(obstacle: Park | AwaitMount | Retry) -> int:
    return (Park, AwaitMount, Retry).index(type(obstacle))


# --- both endpoints were read ----------------------------------------------------------------


def _judge_mounts(
    pair: Pair, master: PfsStatus | None, slave: PfsStatus | None
) -> AwaitMount | None:
    endpoint = _unmounted(pair, master, slave)
    role = "slave" if endpoint == pair.slave else "master"
    what = "the root PFS of a file system"
    return _null_mount_missing(role, endpoint, what) if endpoint else None


def _unmounted(pair: Pair, master: PfsStatus | None, slave: PfsStatus | None) -> Endpoint | None:
    if slave and slave.pfs_id == ROOT_PFS:
        return pair.slave
    if master and slave and master.pfs_id == ROOT_PFS and not _are_kin(master, slave):
        return pair.master
    return None


def unmounted_endpoints(
    pairs: Iterable[Pair], seen: Mapping[Endpoint, ProbeResult]
) -> frozenset[Endpoint]:
    """Return the endpoints whose null mount is missing: they lead to a root PFS.

    Neither the TID nor the role that is read there belongs to the endpoint.
    """
    found = (
        _unmounted(pair, _status(seen.get(pair.master)), _status(seen.get(pair.slave)))
        for pair in pairs
    )
    return frozenset(endpoint for endpoint in found if endpoint)


def _status(result: ProbeResult | None) -> PfsStatus | None:
    return result if isinstance(result, PfsStatus) else None


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
    what = (
        f"master {pair.master} has shared-uuid {master.shared_uuid},"
        f" slave {pair.slave} has {slave.shared_uuid}"
    )
    if slave.is_master:
        return f"{what} and is a master: one of the two paths is wrong"
    if slave.sync_end_tid == NEVER_MIRRORED:
        cure = f'"hammerd provision {pair.name}" gives it that of its master'
        return f"{what}; if no path is wrong: {cure}"
    host = _on_host(pair.slave)
    return (
        f"{what}; if no path is wrong and nothing in the slave is needed:"
        f' "hammer pfs-destroy {path}"{host} (its softlink, not a symlink to it), then'
        f' "hammerd provision {pair.name}"'
    )


def _judge_role(pair: Pair, slave: ProbeResult | None) -> Park | None:
    match slave:
        case PfsStatus(is_master=True) | MasterByLink():
            return _promoted(pair)
        case PfsStatus() | ProbeFailed() | None:
            return None
        case _:
            assert_never(slave)


def _promoted(pair: Pair) -> Park:
    name = pair.name
    return Park(
        ParkCause.NOT_A_SLAVE,
        f"slave {pair.slave} is a master. First: is the path right? If it was promoted, make one"
        f' end a fresh slave of the other: "hammerd reseed {name}" tells how. Never downgrade it',
    )


def _are_kin(master: PfsStatus, slave: PfsStatus) -> bool:
    return master.shared_uuid == slave.shared_uuid


def _is_ahead(master: PfsStatus | None, slave: PfsStatus | None) -> bool:
    return bool(master and slave and slave.sync_end_tid > master.sync_end_tid)


# --- an endpoint was not read ----------------------------------------------------------------


def _judge_failed(pair: Pair, role: str, seen: ProbeFailed) -> Park | AwaitMount | Retry:
    endpoint = pair.master if role == "master" else pair.slave
    who = f"{role} {endpoint}"
    if isinstance(seen.why, ProbeTrouble):
        return Retry(seen.why.value, f"{who}: {seen.detail or _TROUBLE_HINTS[seen.why]}")
    complaint = fit_hint(seen.why, pair, endpoint)
    match complaint.cure:
        case Cure.PARK:
            cause = complaint.park_cause or ParkCause.REFUSED
            return Park(cause, f"{who}: {complaint.hint}")
        case Cure.RETRY | Cure.NOTE | Cure.ECHO:
            return Retry(complaint.name, f"{who}: {complaint.hint}")
        case Cure.MOUNT:
            return _await_endpoint(pair, role, seen, complaint)
        case _:
            assert_never(complaint.cure)


def _await_endpoint(pair: Pair, role: str, seen: ProbeFailed, complaint: Complaint) -> AwaitMount:
    endpoint = pair.master if role == "master" else pair.slave
    who = f"{role} {endpoint}"
    if complaint.name == NOT_A_HAMMER_FS and seen.stat and seen.stat.itself.is_directory:
        return _null_mount_missing(role, endpoint, "a plain directory outside HAMMER")
    unexplained = AwaitMount(complaint.name, f"{who}: {complaint.hint}")
    return (seen.stat and _judge_path(pair, role, who, seen.stat)) or unexplained


_TROUBLE_HINTS = {
    ProbeTrouble.PROBE_TIMEOUT: "pfs-status does not come back: look at the disk or the host",
    ProbeTrouble.SPAWN_FAILED: "pfs-status could not be started: is the daemon's `hammer` right?",
    ProbeTrouble.BAD_OUTPUT: "what pfs-status prints is not understood: run it by hand, as root",
    ProbeTrouble.PROBE_SILENT: "pfs-status failed without a word: run it by hand, as root",
}


_MAKING = {
    "master": '"hammerd provision" (by hand: "hammer pfs-master PATH")',
    "slave": '"hammerd provision" (by hand: "hammer pfs-slave PATH shared-uuid=MASTERS")',
}


_AFTER_A_LOSS = {
    "master": '"hammerd promote {name} --plan"',
    "slave": 'mount a new one, then "hammerd provision {name}"',
}


def _judge_path(pair: Pair, role: str, who: str, stat: PathStat) -> AwaitMount | None:
    """Distinguish a missing file system from a missing PFS; return None if neither is missing."""
    match stat:
        case PathStat(above=FileStat(exists=False)):
            return AwaitMount(
                "file_system_missing",
                f"{who}: not even the directory above it is there; is its file system mounted?"
                ' See mount(8) and /etc/fstab; "mount -a". If its disk is lost:'
                f" {_AFTER_A_LOSS[role].format(name=pair.name)}",
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


def _null_mount_missing(role: str, endpoint: Endpoint, what: str) -> AwaitMount:
    return AwaitMount(
        "null_mount_missing",
        f"{role} {endpoint}: leads to {what}, not to the PFS; most often its null mount is"
        f' missing: "mount_null PFS {endpoint.path}"{_on_host(endpoint)};'
        " better name the PFS softlink itself",
    )


def _on_host(endpoint: Endpoint) -> str:
    return f" on {endpoint.host.login}" if endpoint.host.login else ""
