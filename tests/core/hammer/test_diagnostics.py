"""Each row of the table matches the recorded or documented texts of its kind."""

from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.hammer.diagnostic_rows import ComplaintRow
from hammerd.core.hammer.diagnostics import TABLE, diagnose
from hammerd.core.hammer.messages import Complaint, Cure, ParkCause, Weight

# docs/hammer.md 6.1; the messages of OpenSSH on a BSD and on Linux, and of sh, csh, ksh.
TEXTS = {
    "ssh_missing": [
        "hammerd-rsh: cannot run /usr/bin/ssh: No such file or directory",
        "hammerd-rsh: cannot run /usr/bin/hammer: Permission denied",
    ],
    "rsh_failed": [
        "hammerd-rsh: cannot run /usr/bin/ssh: Cannot allocate memory",
        "hammerd-rsh: HAMMERD_RSH is not set: hammerd runs this program, people do not",
    ],
    "far_writer": [
        "hammerd-far: pid 123 of another hammerd (owner office/home) writes to /Backup2/pfs/test",
        "hammerd-far: an unknown process has the lock /var/run/hammerd-far.x",
    ],
    "far_writer_unkillable": ["hammerd-far: an earlier writer, pid 123, does not end"],
    "far_unlocked": ["hammerd-far: no lock: neither flock nor lockf is there"],
    "uuid_mismatch": [
        "hammer: mirror-write: source and target have different shared-uuid's!",
    ],
    "not_a_slave": [
        "hammer: mirror-write: target must be in slave mode",
        "mirror-write: target must be in slave mode",
    ],
    "version_mismatch": [
        "hammer: Mirror-read: HAMMER PFS version mismatch!",
        "hammer: mirror-write: HAMMER PFS version mismatch!",
        "hammer: validate_mrec_header: Version mismatch",
    ],
    "slave_missing": ["PFS slave /Backup2/pfs/test does not exist."],
    "slave_question_unanswered": [
        "Do you want to create a new slave PFS? [y/n] No terminal for response",
        "No terminal for response",
        "Do you want to create a new slave PFS? [y/n] Response not understood",
    ],
    "path_missing": [
        "hammer: Failed to open /Backup1/pfs/nothere: No such file or directory",
        "hammer: Unable to open /Backup2/pfs/test: No such file or directory",
        "hammer: Cannot open directory /Backup2/nodir: No such file or directory",
        "hammer: Cannot access /Backup1/pfs: No such file or directory",
        "hammer: Failed to open /Backup1/file/x: Not a directory",
    ],
    "not_a_hammer_fs": [
        "hammer: Cannot access /tmp: Inappropriate ioctl for device",
        "hammer: Cannot access .: Inappropriate ioctl for device",
        "hammer: Cannot access /mnt: Operation not supported",
        "hammer: Synctid /tmp failed: Inappropriate ioctl for device",
        "hammer: Mirror-read: not a HAMMER fs/pseudofs!: Inappropriate ioctl for device",
    ],
    "guard_refused": [
        "hammer: hammer-remote: Command not 'hammer'",
        "hammer-remote: Command not hammer: this key allows only: mirror-write /pfs/b,"
        " pfs-status /pfs/b",
    ],
    "key_restricted": [
        "hammer: hammer-remote: restricted target",
        "hammer: hammer-remote: '..' not allowed",
        "hammer: hammer-remote: request does not match restricted command",
        "hammer: SSH_ORIGINAL_COMMAND env missing",
    ],
    "usage": [
        "hammer: illegal option -- z",
        "hammer: option requires an argument -- i",
        "hammer mirror-read <filesystem> [begin-tid]",
        "hammer pfs-status <dirpath> ...",
    ],
    "remote_hammer_missing": [
        "run/nohammer.sh: 3: exec: hammer: not found",
        "hammer: Command not found.",
        "bash: hammer: command not found",
        "bash: line 1: hammer: command not found",
        "sh: 1: hammer: not found",
        "ksh: hammer: inaccessible or not found",
        "env: hammer: No such file or directory",
        "env: 'hammer': No such file or directory",
        "fish: Unknown command: hammer",
        "zsh:1: command not found: hammer",
        "zsh:1: no such file or directory: /sbin/hammer",
    ],
    "permission_denied": [
        "hammer: Failed to open /Backup1: Permission denied",
        "bash: /sbin/hammer: Permission denied",
        "zsh:1: permission denied: /sbin/hammer",
    ],
    "root_needed": [
        "Mirror-read /Backup1/pfs/test: cannot stream: Operation not permitted",
        "hammer: Mirror-read /x failed: Operation not permitted",
        "hammer: Mirror-write /x failed: Operation not permitted",
        "hammer: Mirror-write /x fatal error 1",
        "hammer: Cannot access /x: Operation not permitted",
        "hammer: update_pfs_snapshot (rewrite): Operation not permitted",
    ],
    "slave_full": [
        "hammer: Mirror-write /Backup2/pfs/test fatal error 28",
        "hammer: Mirror-write /Backup2/pfs/test failed: No space left on device",
        "hammer: update_pfs_snapshot (rewrite): No space left on device",
    ],
    "slave_read_only": [
        "hammer: Mirror-write /Backup2/pfs/test failed: Read-only file system",
        "hammer: Mirror-write /Backup2/pfs/test fatal error 30",
        "hammer: update_pfs_snapshot (rewrite): Read-only file system",
    ],
    "slave_write_error": [
        "hammer: Mirror-write /Backup2/pfs/test failed: Input/output error",
        "hammer: Mirror-write /Backup2/pfs/test fatal error 5",
        "hammer: Mirror-write /Backup2/pfs/test failed: Device not configured",
    ],
    "master_read_error": [
        "hammer: Mirror-read /Backup1/pfs/test failed: Input/output error",
        "hammer: Mirror-read /Backup1/pfs/test fatal error 5",
    ],
    "resources_exhausted": [
        "hammer: pipe: Too many open files in system",
        "hammer: Failed to alloc memory",
        "ssh: fork: Resource temporarily unavailable",
    ],
    "slave_write_failed": [
        "hammer: Mirror-write /Backup2/pfs/test fatal error 22",
        "hammer: Mirror-write /Backup2/pfs/test failed: Bad address",
        "hammer: update_pfs_snapshot (read): Bad address",
    ],
    "short_write": ["hammer: Mirror-read /Backup1/pfs/test failed: short write"],
    "master_read_failed": [
        "hammer: Mirror-read /Backup1/pfs/test fatal error 22",
        "hammer: Mirror-read /Backup1/pfs/test failed: Bad address",
    ],
    "cannot_wait": ["Mirror-read /Backup1/pfs/test: cannot stream: Input/output error"],
    "open_failed": ["hammer: Failed to open /Backup1/pfs/test: Input/output error"],
    "access_failed": [
        "hammer: Cannot access /Backup1/pfs/test: Input/output error",
        "hammer: Synctid /Backup1 failed: Input/output error",
        "hammer: mirror-write: not a HAMMER fs/pseudofs!: Input/output error",
    ],
    "data_damaged": [
        "read_mrecords: data_crc did not match data! obj=0000000100000104 key=0000000000004000",
    ],
    "short_read": [
        "hammer: validate_mrec_header: short read",
        "hammer: read_mrecords: short read on pipe",
        "read_mrecord: short read on payload",
        "short read of mrecord header",
    ],
    "no_acknowledgement": [
        "hammer: mirror_read: Did not get final acknowledgement packet from target",
        "hammer: Mirror-write /x: Did not get termination sync record, or rec_size is wrong rt=-1",
        "Mirror-write: received termination request",
    ],
    "going_on": ["continuing, but there are problems"],
    "aborting": ["hammer: Aborting operation"],
    "stream_damaged": [
        "read_mrecord: bad signature",
        "read_mrecord: bad CRC",
        "hammer: read_mrecords: malformed record on pipe, bad crc",
        "hammer: read_mrecords: malformed record on pipe, illegal rec_size",
        "hammer: validate_mrec_header: did not get expected PFSD record type",
        "hammer: validate_mrec_header: unexpected payload size",
    ],
    "pipe_broken": ["hammer: write_mrecord: Bad file descriptor"],
    "host_key_rejected": [
        "Host key verification failed.",
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
        "Host key for backup has changed and you have requested strict checking.",
        "No ED25519 host key is known for backup and you have requested strict checking.",
    ],
    "login_refused": [
        "Permission denied (publickey).",
        "root@backup: Permission denied (publickey,keyboard-interactive).",
        "Received disconnect from 10.0.0.2 port 22:2: Too many authentication failures",
        "This account is currently not available.",
    ],
    "ssh_misconfigured": [
        "@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @",
        "Bad owner or permissions on /root/.ssh/config",
        "/root/.ssh/config: terminating, 1 bad configuration options",
        "Unable to negotiate with 10.0.0.2 port 22: no matching host key type found. Their",
        "Warning: Identity file /root/.ssh/mirror not accessible: No such file or directory.",
        'Load key "/root/.ssh/mirror": Permission denied',
    ],
    "host_unknown": [
        "ssh: Could not resolve hostname backup: hostname nor servname provided, or not known",
        "ssh: Could not resolve hostname backup: Temporary failure in name resolution",
    ],
    "connection_refused": [
        "ssh: connect to host backup port 22: Connection refused",
        "ssh: connect to host 127.0.0.1 port 22: Connection refused",
    ],
    "connection_timed_out": [
        "ssh: connect to host backup port 22: Operation timed out",
        "ssh: connect to host backup port 22: Connection timed out",
        "Connection timed out during banner exchange",
    ],
    "link_silent": ["Timeout, server backup not responding."],
    "host_unreachable": [
        "ssh: connect to host backup port 22: No route to host",
        "ssh: connect to host backup port 22: Network is unreachable",
        "ssh: connect to host backup port 22: Host is down",
    ],
    "connection_lost": [
        "kex_exchange_identification: read: Connection reset by peer",
        "Connection closed by 10.0.0.2 port 22",
        "Connection to backup closed by remote host.",
        "client_loop: send disconnect: Broken pipe",
    ],
    "connection_failed": ["ssh: connect to host backup port 22: Operation not permitted"],
    "unknown": [
        "hammer: Cannot create /Backup1/pfs/test, file exists!",
        "hammer: something that no version has said before",
    ],
}

CURES = {
    "uuid_mismatch": (Cure.PARK, ParkCause.UUID_MISMATCH),
    "not_a_slave": (Cure.PARK, ParkCause.NOT_A_SLAVE),
    **dict.fromkeys(
        ["ssh_missing", "version_mismatch", "key_restricted", "usage", "remote_hammer_missing",
         "root_needed", "permission_denied", "host_key_rejected", "login_refused",
         "ssh_misconfigured"],
        (Cure.PARK, ParkCause.REFUSED),
    ),
    **dict.fromkeys(
        ["slave_missing", "slave_question_unanswered", "path_missing", "not_a_hammer_fs"],
        (Cure.MOUNT, None),
    ),
    **dict.fromkeys(
        ["short_write", "short_read", "no_acknowledgement", "aborting", "going_on"],
        (Cure.ECHO, None),
    ),
    "data_damaged": (Cure.NOTE, None),
    "far_unlocked": (Cure.NOTE, None),
}  # fmt: skip

EACH_ROW = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


def test_each_kind_of_complaint_has_texts() -> None:
    assert list(dict.fromkeys(row.name for row in TABLE)) == list(TEXTS)


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts]
)
def test_a_text_is_diagnosed_by_its_row_with_its_cure(name: str, text: str) -> None:
    complaint = diagnose(text)

    assert complaint is not None
    assert (complaint.name, complaint.text) == (name, text)
    assert CURES.get(name, (Cure.RETRY, None)) == (complaint.cure, complaint.park_cause)
    assert "{" not in complaint.hint


@EACH_ROW
def test_a_row_parks_exactly_if_it_has_a_park_cause(row: ComplaintRow) -> None:
    assert (row.cure is Cure.PARK) == (row.park_cause is not None)


@EACH_ROW
def test_a_hint_has_no_placeholder_but_the_path(row: ComplaintRow) -> None:
    assert {name for _, name, _, _ in Formatter().parse(row.hint) if name} <= {"path"}
    assert row.hint


# The texts that may follow `failed: ` and `fatal error `: DragonFly's errnos and messages, and
# the messages of another system's strerror(3).
WHY = {
    "root_needed": ["1", "Operation not permitted"],
    "permission_denied": ["13", "Permission denied"],
    "path_missing": ["2", "20", "No such file or directory", "Not a directory"],
    "not_a_hammer_fs": [
        *("19", "25", "45", "Operation not supported by device", "No such device"),
        *("Inappropriate ioctl for device", "Operation not supported"),
    ],
    "resources_exhausted": [
        *("12", "23", "24", "35", "55", "Cannot allocate memory", "Too many open files"),
        *("Resource temporarily unavailable", "No buffer space available"),
    ],
}
BAD_DISK = ["5", "6", "Input/output error", "Device not configured", "No such device or address"]
WHY_OF = {
    "Mirror-write": {
        **WHY,
        "slave_full": ["28", "69", "No space left on device", "Disc quota exceeded"],
        "slave_read_only": ["30", "Read-only file system"],
        "slave_write_error": BAD_DISK,
        "slave_write_failed": ["4", "14", "22", "27", "33", "Invalid argument", "Bad address"],
    },
    "Mirror-read": {
        **WHY,
        "master_read_error": BAD_DISK,
        "master_read_failed": ["4", "14", "22", "28", "30", "Interrupted system call"],
    },
}


@pytest.mark.parametrize(
    ("verb", "name", "why"),
    [
        (verb, name, why)
        for verb, rows in WHY_OF.items()
        for name, whys in rows.items()
        for why in whys
    ],
)
def test_each_errno_has_its_row_in_the_words_of_every_version(
    verb: str, name: str, why: str
) -> None:
    how = "fatal error" if why.isdigit() else "failed:"
    complaint = diagnose(f"hammer: {verb} /Backup2/pfs/test {how} {why}")

    assert complaint is not None
    assert complaint.name == name
    assert complaint.weight is Weight.OWN


@pytest.mark.parametrize("path", ["/dev", "/dev/null"])
def test_devfs_is_no_hammer_file_system(path: str) -> None:
    complaint = diagnose(f"hammer: Cannot access {path}: Input/output error")

    assert complaint is not None
    assert complaint.name == "not_a_hammer_fs"


def test_hint_of_a_full_slave_names_commands_that_free_space() -> None:
    (row,) = (row for row in TABLE if row.name == "slave_full")

    assert "rm frees nothing" in row.hint
    assert row.hint.index("hammer prune-everything") < row.hint.index("hammer reblock")


@EACH_ROW
def test_no_hint_advises_a_command_that_destroys_or_panics(row: ComplaintRow) -> None:
    assert "destroy" not in row.hint
    assert "umount" not in row.hint


def test_a_hint_names_any_path_unchanged() -> None:
    complaint = diagnose("hammer: Failed to open /a {b}: c: No such file or directory")

    assert complaint is not None
    assert complaint.hint.startswith("/a {b}: c or what it leads to")


@pytest.mark.parametrize(
    "text",
    [
        "Mirror-read /Backup1/pfs/test succeeded",
        "Warning: Permanently added 'backup' (ED25519) to the list of known hosts.",
        "PFS slave /Backup2/pfs/test does not exist. Auto create new slave PFS!",
        "hammer:",
        "",
    ],
)
def test_other_text_is_no_complaint(text: str) -> None:
    assert diagnose(text) is None


@given(st.text())
def test_any_text_can_be_diagnosed(text: str) -> None:
    complaint = diagnose(text)

    assert complaint is None or isinstance(complaint, Complaint)
    assert isinstance(diagnose(f"hammer: x{text}"), Complaint)


def test_only_the_beginning_of_a_huge_text_is_diagnosed() -> None:
    complaint = diagnose("hammer: Aborting operation" + " Cannot access" * 100_000)

    assert complaint is not None
    assert complaint.name == "aborting"


@pytest.mark.parametrize(
    "banner",
    [
        "** NOTICE: idle sessions: Connection closed after 10 minutes **",
        "Welcome! If you see Connection refused, call the desk: fork: 12",
        "All data is encrypted in transit; broken pipe wrenches: room 4",
    ],
)
def test_a_banner_about_errors_is_no_complaint(banner: str) -> None:
    assert diagnose(banner) is None
