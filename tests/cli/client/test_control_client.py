"""What can go wrong between a command and the daemon, and how it is told."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hammerd.cli.client.control_client import send_request
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api.protocol import Answer, Request, Verb

PING = Request(Verb.PING)
PAUSE = Request(Verb.PAUSE, ("home",))


def failure(run_dir: Path, request: Request, timeout_s: float = 30.0) -> CommandFailed:
    with pytest.raises(CommandFailed) as caught:
        send_request(run_dir, request, timeout_s)
    return caught.value


def test_a_long_answer_arrives_whole(start_daemon: Callable[..., object], run_dir: Path):
    told = {"text": "x" * 3_000_000}
    start_daemon(Answer(told))

    assert told == send_request(run_dir, PING)


def test_a_socket_without_a_listener_is_no_daemon(run_dir: Path):
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(run_dir / "control.sock"))

    error = failure(run_dir, PAUSE)

    assert (69, f"no hammerd answers at {run_dir}/control.sock") == (error.code, error.message)


def test_a_run_dir_that_is_a_file_is_no_daemon(run_dir: Path):
    (run_dir / "file").touch()

    assert failure(run_dir / "file", PING).code == 69


def test_a_path_too_long_for_a_socket_is_told(run_dir: Path):
    error = failure(run_dir / ("d" * 120), PING)

    assert error.code == 69
    assert "too long" in error.message


def test_a_daemon_that_says_nothing_is_not_waited_for_for_ever(run_dir: Path):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(run_dir / "status.sock"))
        silent.listen()

        error = failure(run_dir, PING, timeout_s=0.05)

    assert (69, f"no answer from {run_dir}/status.sock within 0.05 s") == (
        error.code,
        error.message,
    )


@pytest.mark.parametrize(
    ("reply", "code"), [(b"", 69), (b'{"ok":true', 69), (b"hello\n", 76), (b"{}\n", 76)]
)
def test_what_is_no_reply_is_not_taken_for_one(
    start_daemon: Callable[..., object], run_dir: Path, reply: bytes, code: int
):
    start_daemon(reply)

    assert code == failure(run_dir, PING, timeout_s=1.0).code


@pytest.mark.parametrize(
    ("request_sent", "name", "hint"),
    [
        (PAUSE, "control.sock", "run the command as root"),
        (
            PING,
            "status.sock",
            "run the command as root, or join the socket's group (status_group in the config)",
        ),
    ],
)
def test_a_socket_that_may_not_be_opened_is_told_with_its_cure(
    start_daemon: Callable[..., object], run_dir: Path, request_sent: Request, name: str, hint: str
):
    start_daemon(Answer({}))
    run_dir.chmod(0o755)
    (run_dir / name).chmod(0)
    with as_nobody():
        error = failure(run_dir, request_sent)

    told = (error.code, error.message, error.hint)
    assert (77, f"no permission to open {run_dir}/{name}", hint) == told


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's passes for a while; whoever is not root has none to give up."""
    us = os.geteuid()
    if us == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(us)
