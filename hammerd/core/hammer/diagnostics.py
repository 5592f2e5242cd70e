"""Diagnoses the error messages of hammer, ssh and shells by a table with a row for each kind.

A row has a name, a cure for the machine and a hint for a person. The first row that matches
counts, so a row for a known errno precedes the row for all others. Few patterns require `hammer: `
at the start: the output of the two halves interleaves, and the prefix may be a line earlier
(docs/hammer.md 5.1).

    RETRY  it may pass by itself                MOUNT  a file system or PFS is missing (yet)
    PARK   it never passes as configured        NOTE   it is reported, and the stream goes on
    ECHO   it only means that the other half has ended
"""

import re

from hammerd.core.hammer import diagnostic_rows, login_diagnostics, marks
from hammerd.core.hammer.messages import Complaint, ParkCause, Weight

NOT_A_HAMMER_FS = "not_a_hammer_fs"
"""The row that core/pair/probe_verdict.py uses by name: the path exists, but not on HAMMER."""

_GUARD_REFUSED = "guard_refused"

# A path of PATH_MAX (1024) and the words around it. A longer text is no message of hammer's, and
# matching it costs time.
_LONGEST_MESSAGE = 1280

# The first words of hammer's err(3) messages; the groups are the paths that they name.
_OPEN = r"(?:Failed to open|Unable to open|Cannot open directory) (?P<path>.+): "
_ACCESS = r"(?:Cannot access (?P<path>.+)|Synctid (?P<fs>.+) failed): "
_READ = r"Mirror-read (?P<path>.+) (?:failed: |fatal error )"
_WRITE = r"(?:Mirror-write (?P<path>.+) (?:failed: |fatal error )|update_pfs_snapshot .*: )"
_WAIT = r"Mirror-read (?P<path>.+): cannot stream: "
_MIRROR = r"Mirror-(?:read|write) (?P<endpoint>.+?)(?: failed: | fatal error |: cannot stream: )"

# The reason, as an errno(2) or a text of strerror(3), of DragonFly or of the other host's system.
_MISSING_PATH = r"(?:(?:2|20)$|No such file or directory|Not a directory)"
_NO_HAMMER_FS = (
    r"(?:(?:19|25|45|95)$|Inappropriate ioctl for device|Operation not supported"
    r"|No such device(?! or))"
)
_DENIED = r"(?:13$|Permission denied)"
_DISK_ERROR = r"(?:[56]$|Input/output error|Device not configured|No such device or address)"
_FULL = r"(?:(?:28|69|122)$|No space left on device|Dis[ck] quota exceeded)"
_READ_ONLY = r"(?:30$|Read-only file system)"
_SHORTAGE = (
    r"(?:(?:12|23|24|35|55)$|Cannot allocate memory|Too many open files"
    r"|Resource temporarily unavailable|No buffer space available)"
)

TABLE: tuple[diagnostic_rows.ComplaintRow, ...] = (
    *marks.ROWS,
    # The two PFSs do not fit together.
    diagnostic_rows.row(
        ParkCause.UUID_MISMATCH,
        "uuid_mismatch",
        r"source and target have different shared-uuid's",
        "hammer found two ends that are no mirror: is a path wrong, or is the null mount of an"
        ' end missing (mount)? Compare "hammer pfs-status" of both ends',
    ),
    diagnostic_rows.row(
        ParkCause.NOT_A_SLAVE,
        "not_a_slave",
        r"target must be in slave mode",
        'the slave is a master. Is the path right? Look with "hammer pfs-status" of the slave',
    ),
    diagnostic_rows.refused(
        "version_mismatch",
        r"(?:PFS version mismatch|validate_mrec_header: Version mismatch)",
        "the two ends run hammer versions that do not understand each other; update the older",
    ),
    # A PFS or its file system is missing.
    diagnostic_rows.mount(
        "slave_missing",
        r"PFS slave (?P<path>.+) does not exist\.$",
        '{path} does not exist; mount its file system, or make it with "hammer pfs-slave"',
    ),
    diagnostic_rows.mount(
        "slave_question_unanswered",
        r"No terminal for response|Response not understood",
        'the slave does not exist; mount its file system, or make it with "hammer pfs-slave"',
    ),
    diagnostic_rows.mount(
        "path_missing",
        rf"{_OPEN}(?:No such file or directory|Not a directory)"
        r"|Cannot access (?P<pfs>.+): No such file or directory"
        rf"|{_MIRROR}{_MISSING_PATH}",
        "{path} or what it leads to is not there; is its file system mounted (mount -t hammer),"
        " and its null mount?",
    ),
    diagnostic_rows.mount(
        NOT_A_HAMMER_FS,
        rf"(?:{_ACCESS}|not a HAMMER fs/pseudofs!: ){_NO_HAMMER_FS}"
        rf"|{_MIRROR}{_NO_HAMMER_FS}"
        # devfs fails like this (docs/hammer.md 6.1); a path below /dev is never a PFS.
        r"|Cannot access (?P<device>/dev(?:/.*)?): Input/output error",
        "{path} is not on a HAMMER file system (HAMMER2 does not count), most often because the"
        " file system that belongs there is not mounted: see mount and /etc/fstab",
    ),
    # The other host refuses hammer's command line, or what stands before it.
    diagnostic_rows.retry(
        _GUARD_REFUSED,
        r"hammer-remote: Command not '?hammer",
        "the slave's key is restricted to hammer's own commands: from now on hammerd sends these"
        ' alone; "hammerd authorized-keys PAIR" prints a line for the key that has the guard',
    ),
    diagnostic_rows.refused(
        "key_restricted",
        r"hammer-remote: |SSH_ORIGINAL_COMMAND env missing",
        "the key's forced command on the other host does not allow this:"
        ' "hammerd authorized-keys PAIR" prints the line that its authorized_keys must have',
    ),
    diagnostic_rows.refused(
        "usage",
        r"^hammer: (?:illegal|unknown|invalid) option -- |^hammer: option requires an argument"
        r"|^hammer (?:mirror-read <filesystem>|pfs-status <dirpath>)",
        login_diagnostics.USAGE_HINT,
    ),
    *login_diagnostics.SHELLS,
    # The user may not do it.
    diagnostic_rows.refused(
        "root_needed",
        r"(?:^hammer: .*|(?:Mirror-(?:read|write)|Cannot access|Synctid|update_pfs_snapshot"
        r"|Failed to open|Unable to open|Cannot open directory) .*)"
        r"(?:: Operation not permitted| fatal error 1)$",
        login_diagnostics.ROOT_HINT,
    ),
    diagnostic_rows.refused(
        "permission_denied", rf"(?:{_OPEN}|{_MIRROR}){_DENIED}", login_diagnostics.PERMISSION_HINT
    ),
    # A file system does not read or write.
    diagnostic_rows.retry(
        "slave_full",
        _WRITE + _FULL,
        "the slave's file system is full, and rm frees nothing, for the history stays:"
        ' "hammer prune-everything" the PFSs on it whose history is not needed, then'
        ' "hammer reblock" it, or add a volume',
    ),
    diagnostic_rows.retry(
        "slave_read_only",
        _WRITE + _READ_ONLY,
        "the slave's file system is read-only: see dmesg for the error that made it so, then"
        ' "mount -uw" it',
    ),
    diagnostic_rows.retry(
        "slave_write_error",
        _WRITE + _DISK_ERROR,
        "the slave's disk does not take writes: see dmesg and smartctl; replace the disk",
    ),
    diagnostic_rows.retry(
        "master_read_error",
        _READ + _DISK_ERROR,
        "the master's disk cannot be read: see dmesg and smartctl, and make sure of a backup now",
    ),
    diagnostic_rows.retry(
        "resources_exhausted", rf"{_MIRROR}{_SHORTAGE}", login_diagnostics.SHORTAGE_HINT
    ),
    diagnostic_rows.retry(
        "slave_write_failed",
        _WRITE,
        "the slave does not take the data: see dmesg of its host; a number is an errno(2)",
    ),
    diagnostic_rows.echo(
        "short_write",
        r"Mirror-read .+ failed: short write",
        "the target half is gone; its own message tells why",
    ),
    diagnostic_rows.retry(
        "master_read_failed",
        _READ,
        "the master cannot be read: see dmesg of its host; a number is an errno(2)",
    ),
    diagnostic_rows.retry(
        "cannot_wait",
        _WAIT,
        "the kernel does not let hammer wait for changes of {path}: see dmesg of its host",
    ),
    diagnostic_rows.retry(
        "open_failed",
        _OPEN,
        "{path} cannot be opened for the reason given: see dmesg of its host",
    ),
    diagnostic_rows.retry(
        "access_failed",
        rf"{_ACCESS}|not a HAMMER fs/pseudofs!|update_pfs_snapshot",
        "the PFS's data cannot be read for the reason given: is it on HAMMER (see mount), and"
        " does its disk live (see dmesg of its host)?",
    ),
    diagnostic_rows.note(
        "data_damaged",
        r"data_crc did not match data",
        "records came in with a wrong checksum: the memory of a host or the link between them"
        " is damaged; see dmesg of both, and compare both ends",
    ),
    # The other half has ended.
    diagnostic_rows.echo(
        "short_read",
        r"short read (?:of|on) (?:mrecord header|payload|pipe)|validate_mrec_header: short read",
        "the other half is gone; its own message, if any, tells why",
    ),
    diagnostic_rows.echo(
        "no_acknowledgement",
        r"Did not get (?:final acknowledgement|termination sync)"
        r"|received termination request",
        "the other half is gone; its own message, if any, tells why",
    ),
    diagnostic_rows.echo("going_on", r"continuing, but there are problems", "see the line before"),
    diagnostic_rows.echo("aborting", r"Aborting operation", "the lines before tell why"),
    # The stream itself is damaged, or a host is short of something.
    diagnostic_rows.retry(
        "stream_damaged",
        r"malformed record on pipe|read_mrecord: bad (?:signature|CRC)"
        r"|validate_mrec_header: (?:did not get expected|unexpected payload)",
        "something else than hammer writes into the stream: make the remote shell's start-up"
        ' files silent; "ssh HOST true" must print nothing, and "hammerd doctor PAIR" tells what'
        " it prints",
    ),
    diagnostic_rows.retry(
        "pipe_broken",
        r"write_mrecord: ",
        "hammer could not write to its other half; if it stays, report it with these lines",
    ),
    diagnostic_rows.retry(
        "resources_exhausted",
        r"^hammer: (?:pipe|fork): |^hammer: .*(?:Cannot allocate memory|Failed to alloc memory"
        r"|Too many open files|Resource temporarily unavailable)",
        login_diagnostics.SHORTAGE_HINT,
    ),
    *login_diagnostics.LOGIN,
    diagnostic_rows.retry(
        "unknown",
        r"^hammer: .*\S",
        "hammerd does not know this message; see hammer(8), and report it if it stays",
        Weight.PARTING,
    ),
)
"""All rows, in the order in which they are tried; a message of hammer and a login has two rows."""


def diagnose(text: str) -> Complaint | None:
    """Return the complaint in a line of hammer's or ssh's stderr, None if it is no error.

    A `hammer: ` message that no other row matches is a complaint named `unknown`, to be retried.
    """
    start = text[:_LONGEST_MESSAGE]
    for row in TABLE:
        if found := row.pattern.search(start):
            weight = login_diagnostics.weight_of(row, start)
            return Complaint(text, row.name, row.cure, _hint(row, found), row.park_cause, weight)
    return None


def is_guard_refusal(message: object) -> bool:
    """Return whether a message is the refusal of a guard by a restricted key."""
    return isinstance(message, Complaint) and message.name == _GUARD_REFUSED


def _hint(row: diagnostic_rows.ComplaintRow, found: re.Match[str]) -> str:
    named = [group for group in found.groupdict().values() if group]
    return row.hint.format(path=named[0] if named else "the path")
