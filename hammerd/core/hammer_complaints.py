"""What hammer, ssh and shells complain of: one row for each kind of message.

A row names the complaint, says what can be done about it, and tells a person what to do. The
first row that matches counts, so a row with a known errno stands before the row for the rest.
`hammer: ` in front of a message is never asked for: the two halves' pieces interleave and the
prefix may stand a line earlier (HAMMER.md §12).

    RETRY  it may pass by itself                MOUNT  a file system or PFS is not there (yet)
    PARK   it will never work as configured     NOTE   told, and the stream goes on
    ECHO   only says that the other half is gone
"""

import re
from dataclasses import dataclass

from hammerd.core.stream_sayings import Complaint, Cure, ParkCause


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of complaint; `hint` may name the pattern's groups in braces."""

    name: str
    pattern: re.Pattern[str]
    cure: Cure
    hint: str
    park_cause: ParkCause | None = None


def _retry(name: str, pattern: str, hint: str) -> Row:
    return Row(name, re.compile(pattern), Cure.RETRY, hint)


def _mount(name: str, pattern: str, hint: str) -> Row:
    return Row(name, re.compile(pattern), Cure.MOUNT, hint)


def _note(name: str, pattern: str, hint: str) -> Row:
    return Row(name, re.compile(pattern), Cure.NOTE, hint)


def _echo(name: str, pattern: str, hint: str) -> Row:
    return Row(name, re.compile(pattern), Cure.ECHO, hint)


def _refused(name: str, pattern: str, hint: str) -> Row:
    return Row(name, re.compile(pattern), Cure.PARK, hint, ParkCause.REFUSED)


def _parked(name: str, pattern: str, cause: ParkCause, hint: str) -> Row:
    return Row(name, re.compile(pattern), Cure.PARK, hint, cause)


NOT_A_HAMMER_FS = "not_a_hammer_fs"
"""The row that core/judgement.py knows by name: the path is there, but not on HAMMER."""

# A path of PATH_MAX (1024) and words around it. More is no message of hammer's, and costs time.
_LONGEST_MESSAGE = 1280

# The verbs of hammer's err-type messages; each names the path it is about where it knows it.
_OPEN = r"(?:Failed to open|Unable to open|Cannot open directory) (?P<path>.+): "
_ACCESS = r"(?:Cannot access (?P<path>.+)|Synctid (?P<fs>.+) failed): "
_READ = r"Mirror-read (?P<path>.+) (?:failed: |fatal error )"
_WRITE = r"(?:Mirror-write (?P<path>.+) (?:failed: |fatal error )|update_pfs_snapshot .*: )"
_WAIT = r"Mirror-read (?P<path>.+): cannot stream: "
_GONE_BAD = r"(?:5$|6$|Input/output error|Device not configured)"
_NO_HAMMER_FS = r"(?:Inappropriate ioctl for device|Operation not supported)"

_PAIRING = (
    _parked(
        "uuid_mismatch",
        r"source and target have different shared-uuid's",
        ParkCause.UUID_MISMATCH,
        'compare "hammer pfs-status MASTER SLAVE"; a slave made for another master must be made'
        ' anew: "hammer pfs-destroy SLAVE",'
        ' "hammer pfs-slave SLAVE shared-uuid=<shared-uuid of the master>"',
    ),
    _parked(
        "not_a_slave",
        r"target must be in slave mode",
        ParkCause.NOT_A_SLAVE,
        "the slave is a master. First: is the path right? If it was promoted on purpose, swap"
        " master and slave. Only if what was written to it may be lost, make it anew:"
        ' "hammer pfs-destroy SLAVE",'
        ' "hammer pfs-slave SLAVE shared-uuid=<shared-uuid of the master>"',
    ),
    _refused(
        "version_mismatch",
        r"(?:PFS version mismatch|validate_mrec_header: Version mismatch)",
        "the two ends run hammer versions that do not understand each other; update the older",
    ),
)

_MISSING = (
    _mount(
        "slave_missing",
        r"PFS slave (?P<path>.+) does not exist\.$",
        '{path} does not exist; mount its file system, or make it with "hammer pfs-slave"',
    ),
    _mount(
        "slave_question_unanswered",
        r"No terminal for response|Response not understood",
        'the slave does not exist; mount its file system, or make it with "hammer pfs-slave"',
    ),
    _mount(
        "path_missing",
        _OPEN + r"(?:No such file or directory|Not a directory)"
        r"|Cannot access (?P<pfs>.+): No such file or directory",
        "{path} or what it leads to is not there; is its file system mounted (mount -t hammer),"
        ' and its null mount? If it was never made: "hammer pfs-slave"',
    ),
    _mount(
        NOT_A_HAMMER_FS,
        rf"(?:{_ACCESS}|not a HAMMER fs/pseudofs!: ){_NO_HAMMER_FS}",
        "{path} is not on a HAMMER file system (HAMMER2 does not count), most often because the"
        " file system that belongs there is not mounted: see mount and /etc/fstab",
    ),
)

_FORBIDDEN = (
    _refused(
        "root_needed",
        r"^(?!ssh: ).*(?:: Operation not permitted| fatal error 1)$",
        "mirroring needs root at both ends: run hammerd as root and log in to the other host as"
        " root (a forced command in authorized_keys limits what that root may do)",
    ),
    _refused(
        "permission_denied",
        rf"{_OPEN}Permission denied|hammer: Permission denied",
        "the user may not open this path or run hammer; hammer needs root at both ends",
    ),
)

_DISKS = (
    _retry(
        "slave_full",
        _WRITE + r"(?:28$|No space left on device)",
        'the slave\'s file system is full: see "df -h", then "hammer cleanup" it, drop old'
        " snapshots, shorten prune-min, or add a volume",
    ),
    _retry(
        "slave_read_only",
        _WRITE + r"(?:30$|Read-only file system)",
        "the slave's file system is read-only: see dmesg for the error that made it so, then"
        ' "mount -uw" it',
    ),
    _retry(
        "slave_write_error",
        _WRITE + _GONE_BAD,
        "the slave's disk does not take writes: see dmesg and smartctl; replace the disk",
    ),
    _retry(
        "slave_write_failed",
        _WRITE,
        "the slave does not take the data: see dmesg of its host; a number is an errno(2)",
    ),
    _echo(
        "short_write",
        r"Mirror-read .+ failed: short write",
        "the target half is gone; its own message tells why",
    ),
    _retry(
        "master_read_error",
        _READ + _GONE_BAD,
        "the master's disk cannot be read: see dmesg and smartctl, and make sure of a backup now",
    ),
    _retry(
        "master_read_failed",
        _READ,
        "the master cannot be read: see dmesg of its host; a number is an errno(2)",
    ),
    _retry(
        "cannot_wait",
        _WAIT,
        "the kernel does not let hammer wait for changes of {path}: see dmesg of its host",
    ),
    _retry(
        "open_failed",
        _OPEN,
        "{path} cannot be opened for the reason given: see dmesg of its host",
    ),
    _retry(
        "access_failed",
        rf"{_ACCESS}|not a HAMMER fs/pseudofs!|update_pfs_snapshot",
        "the PFS's data cannot be read for the reason given: see dmesg of its host",
    ),
    _note(
        "data_damaged",
        r"data_crc did not match data",
        "records with a wrong checksum were mirrored: the master's disk or memory is damaged;"
        " see dmesg of the master's host, and verify the slave",
    ),
)

_ECHOES = (
    _echo(
        "short_read",
        r"short read (?:of|on) (?:mrecord header|payload|pipe)|validate_mrec_header: short read",
        "the other half is gone; its own message, if any, tells why",
    ),
    _echo(
        "no_acknowledgement",
        r"Did not get (?:final acknowledgement|termination sync)"
        r"|received termination request",
        "the other half is gone; its own message, if any, tells why",
    ),
    _echo("going_on", r"continuing, but there are problems", "see the line before"),
    _echo("aborting", r"Aborting operation", "the lines before tell why"),
)

_STREAM = (
    _retry(
        "stream_damaged",
        r"malformed record on pipe|read_mrecord: bad (?:signature|CRC)"
        r"|validate_mrec_header: (?:did not get expected|unexpected payload)",
        "something else than hammer writes into the stream: make the remote shell's start-up"
        ' files silent; "ssh HOST true" must print nothing',
    ),
    _retry(
        "pipe_broken",
        r"write_mrecord: ",
        "hammer could not write to its other half; if it stays, report it with these lines",
    ),
    _retry(
        "resources_exhausted",
        r"^hammer: (?:pipe|fork): "
        r"|^\S+: .*(?:Cannot allocate memory|Failed to alloc memory|Too many open files"
        r"|Resource temporarily unavailable)",
        "the host is short of memory, processes or descriptors: see top, and limits(1)",
    ),
)

_REMOTE_COMMAND = (
    _refused(
        "key_restricted",
        r"hammer-remote: |SSH_ORIGINAL_COMMAND env missing",
        "the key's forced command on the other host does not allow this; compare the line in its"
        ' authorized_keys with what "hammerd authorized-keys PAIR" prints',
    ),
    _refused(
        "usage",
        r"(?:illegal|unknown|invalid) option -- |option requires an argument"
        r"|^hammer (?:mirror-read <filesystem>|pfs-status <dirpath>)",
        "a hammer does not know how it was called; is the hammer of both hosts DragonFly's own,"
        " and of like age?",
    ),
    _refused(
        "remote_hammer_missing",
        r"hammer['\"]?: (?:inaccessible or |[Cc]ommand )?not found"
        r"|hammer['\"]?: No such file|Unknown command:? .?hammer",
        "the other host's shell does not find hammer: put /sbin in the PATH that"
        ' "ssh HOST printenv PATH" prints',
    ),
)

# A login may print anything, a banner that speaks of closed connections too: a complaint of ssh's
# begins as ssh begins its lines.
_SSH_SAYS = r"^(?:ssh|kex_exchange_identification|ssh_exchange_identification): "

_SSH = (
    _refused(
        "host_key_rejected",
        r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED",
        'as root, "ssh HOST" once and compare the fingerprint; if the host was reinstalled,'
        ' "ssh-keygen -R HOST" first',
    ),
    _refused(
        "login_refused",
        r"Permission denied \(|Too many authentication failures|account is .*not available"
        r"|Permission denied, please try again",
        "the other host does not accept root's key: put the public key into authorized_keys of"
        ' the user there; "ssh -o BatchMode=yes HOST true" must work as root',
    ),
    _refused(
        "ssh_misconfigured",
        r"UNPROTECTED PRIVATE KEY FILE|Bad owner or permissions on|Bad configuration option"
        r"|terminating, \d+ bad configuration|no matching .+ found"
        r"|Identity file .+ not accessible|Load key .+: ",
        "ssh rejects its own configuration or key: run the same ssh by hand, as root, with -v",
    ),
    _retry(
        "host_unknown",
        _SSH_SAYS + r"(?:Could not resolve hostname|Name or service not known"
        r"|.*(?:nor servname provided|name resolution|No address associated))",
        "the host's name does not resolve: check it with drill(1), or put it into /etc/hosts",
    ),
    _retry(
        "connection_refused",
        _SSH_SAYS + r".*Connection refused",
        'the host is up but no sshd answers: there, "service sshd start"; is the port right?',
    ),
    _retry(
        "connection_timed_out",
        _SSH_SAYS + r".*(?:Connection|Operation) timed out"
        r"|^Connection timed out during banner|^Timeout, server .+ not responding",
        "the host does not answer: is it up, and does a firewall drop the packets?",
    ),
    _retry(
        "host_unreachable",
        _SSH_SAYS + r".*(?:No route to host|(?:Network|Host) is (?:unreachable|down)"
        r"|Can't assign requested)",
        "the network does not lead to the host: see route -n get HOST, and ping it",
    ),
    _retry(
        "connection_lost",
        r"^Connection (?:(?:reset|closed) by |to .+ closed|corrupted)"
        r"|^(?:kex_exchange_identification|ssh_exchange_identification|client_loop"
        r"|packet_write_wait|ssh_dispatch_run_fatal|Write failed|Read from remote host .+): "
        r"|^(?:Received disconnect|Disconnected) from ",
        "the connection broke; if it does so often, set ServerAliveInterval in root's ssh config",
    ),
    _retry(
        "connection_failed",
        r"^ssh: connect to ",
        "ssh cannot connect for the reason given; a local firewall says"
        ' "Operation not permitted" or "Permission denied": see pfctl -sr or ipfw show',
    ),
)

_REST = (
    _retry(
        "unknown",
        r"^hammer: .*\S",
        "hammerd does not know this message; see hammer(8), and report it if it stays",
    ),
)

TABLE: tuple[Row, ...] = (
    *_PAIRING,
    *_MISSING,
    *_REMOTE_COMMAND,
    *_FORBIDDEN,
    *_DISKS,
    *_ECHOES,
    *_STREAM,
    *_SSH,
    *_REST,
)
"""All rows, in the order in which they are tried."""


def diagnose(text: str) -> Complaint | None:
    """Return what a line of hammer's or ssh's stderr complains of, or None if it does not.

    A `hammer: ` message that no row knows is a complaint named `unknown`, to be retried.
    """
    looked_at = text[:_LONGEST_MESSAGE]
    for row in TABLE:
        if found := row.pattern.search(looked_at):
            return Complaint(text, row.name, row.cure, _hint(row, found), row.park_cause)
    return None


def _hint(row: Row, found: re.Match[str]) -> str:
    named = [group for group in found.groupdict().values() if group]
    return row.hint.format(path=named[0] if named else "the path")
