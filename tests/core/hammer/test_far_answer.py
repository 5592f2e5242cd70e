"""What a pfs-status over ssh prints is hammer's own answer about a path, or nothing is known."""

import pytest

from hammerd.core.hammer.far_answer import LONGEST_TEXT, FarAnswer, far_answer
from hammerd.core.hammer.messages import Cure
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.tid import Tid

SHARED, UNIQUE = "d0d6402b-e667-11f1-a43e-01301bb8a9f5", "d0d64038-e667-11f1-a43f-01301bb8a9f5"


def block(path: str) -> str:
    return (
        f"{path}\tPFS#1 {{\n    sync-beg-tid=0x1\n    sync-end-tid=0x2\n"
        f"    shared-uuid={SHARED}\n    unique-uuid={UNIQUE}\n    operating as a SLAVE\n}}\n"
    )


def status(path: str) -> PfsStatus:
    return PfsStatus(path, 1, Tid(2), SHARED, UNIQUE, is_master=False)


def answer(text: str, stderr: str = "", exit_status: str = "exit 0") -> FarAnswer:
    return far_answer(exit_status, text, stderr, ["/a", "/b"])


def test_all_blocks_are_read() -> None:
    assert answer(block("/a") + block("/b")) == FarAnswer((status("/a"), status("/b")))


@pytest.mark.parametrize("exit_status", ["exit 0", "exit 255", "signal 15"])
def test_complete_blocks_are_read_however_ssh_ended(exit_status: str) -> None:
    """Ssh may lose its link after the last block."""
    read = answer(block("/a") + block("/b"), "Connection to x closed.\n", exit_status)

    assert read == FarAnswer((status("/a"), status("/b")))


def test_login_that_prints_is_not_in_the_way() -> None:
    noise = "Welcome to office!\nLast login: yesterday\n"
    stderr = "stty: stdin isn't a terminal\nulimit: core: Operation not permitted\n"

    assert answer(noise + block("/a") + block("/b"), stderr).not_read is None
    missing = "hammer: Failed to open /a: No such file or directory\n"
    failed = answer(noise, stderr + missing, "exit 1")
    assert failed.failure is not None
    assert failed.failure.name == "path_missing"


def test_complaint_of_hammer_is_about_the_first_path_without_a_block() -> None:
    read = answer(block("/a"), "hammer: Failed to open /b: No such file or directory\n", "exit 1")

    assert read.statuses == (status("/a"),)
    assert read.not_read is None
    assert read.failure is not None
    assert (read.failure.name, read.failure.cure) == ("path_missing", Cure.MOUNT)


@pytest.mark.parametrize(
    ("stderr", "exit_status", "because"),
    [
        ("ssh: connect to host x port 22: Connection refused", "exit 255", "connection_refused"),
        (
            "ssh: connect to host x port 22: Operation timed out",
            "exit 255",
            "connection_timed_out",
        ),
        ("ssh: Could not resolve hostname x: Name does not resolve", "exit 255", "host_unknown"),
        ("Host key verification failed.", "exit 255", "host_key_rejected"),
        ("root@x: Permission denied (publickey).", "exit 255", "login_refused"),
        ("client_loop: send disconnect: Broken pipe", "exit 255", "connection_lost"),
        # A banner or an old mux socket may repeat hammer's words: ssh itself failed.
        ("hammer: Failed to open /a: No such file or directory", "exit 255", "path_missing"),
        ("", "exit 255", "ssh_failed"),
        ("sh: Cannot fork: Resource temporarily unavailable", "exit 1", "resources_exhausted"),
        ("", "signal 9", "ssh_failed"),
        ("motd: Failed to open /a: Too many open files", "exit 1", "open_failed"),
    ],
)
def test_failure_of_ssh_says_nothing_of_the_paths(
    stderr: str, exit_status: str, because: str
) -> None:
    read = answer("", stderr + "\n", exit_status)

    assert (read.statuses, read.failure) == ((), None)
    assert read.not_read is not None
    assert (read.not_read.because, read.not_read.is_lasting) == (because, False)


@pytest.mark.parametrize(
    ("stderr", "exit_status", "because"),
    [
        (
            "hammer: hammer-remote: request does not match restricted command",
            "exit 1",
            "key_restricted",
        ),
        ("hammer: SSH_ORIGINAL_COMMAND env missing", "exit 1", "key_restricted"),
        ("sh: hammer: not found", "exit 127", "remote_hammer_missing"),
        ("hammer: Command not found.", "exit 1", "remote_hammer_missing"),
        ("hammer: illegal option -- z", "exit 1", "usage"),
        ("This account is currently not available.", "exit 1", "login_refused"),
        ("", "exit 1", "probe_silent"),
        ("only backups here", "exit 0", "probe_silent"),
    ],
)
def test_host_on_which_pfs_status_does_not_work_is_not_asked_often(
    stderr: str, exit_status: str, because: str
) -> None:
    read = answer("", stderr + "\n", exit_status)

    assert read.failure is None
    assert read.not_read is not None
    assert (read.not_read.because, read.not_read.is_lasting) == (because, True)
    assert "probe_remote" in read.not_read.hint


@pytest.mark.parametrize(
    "text",
    [
        block("/b") + block("/a"),
        block("/a").replace("    operating as a SLAVE\n", ""),
    ],
)
def test_output_that_is_not_understood_is_no_answer(text: str) -> None:
    assert (not_read := answer(text).not_read) is not None
    assert (not_read.because, not_read.is_lasting) == ("bad_output", True)


@pytest.mark.parametrize(
    ("text", "stderr", "exit_status"),
    [
        ("x" * 10**6 + "\tPFS#1 {\n}\n", "", "exit 0"),
        ("", "\x1b[2J" * 10**5, "exit 1"),
        ("", "ssh: " + "\x07x" * 10**5 + ": Connection refused", "exit 255"),
    ],
)
def test_words_of_another_host_are_bounded_and_printable(
    text: str, stderr: str, exit_status: str
) -> None:
    assert (not_read := answer(text, stderr, exit_status).not_read) is not None
    assert len(not_read.text) <= LONGEST_TEXT
    assert not_read.text.isprintable()
