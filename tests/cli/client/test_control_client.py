"""Failures between a command and the daemon, and their messages."""

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
    data = {"text": "x" * 3_000_000}
    start_daemon(Answer(data))

    assert data == send_request(run_dir, PING)


def test_a_socket_without_a_listener_is_no_daemon(run_dir: Path):
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(run_dir / "control.sock"))

    error = failure(run_dir, PAUSE)

    assert (69, f"no hammerd answers at {run_dir}/control.sock") == (error.code, error.message)


def test_a_run_dir_that_is_a_file_is_no_daemon(run_dir: Path):
    (run_dir / "file").touch()

    assert failure(run_dir / "file", PING).code == 69


def test_a_path_too_long_for_a_socket_is_reported(run_dir: Path):
    error = failure(run_dir / ("d" * 120), PING)

    assert error.code == 69
    assert "too long" in error.message


def test_a_daemon_that_does_not_reply_is_a_failure_after_a_timeout(run_dir: Path):
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
def test_an_invalid_reply_is_a_failure(
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
def test_a_socket_without_permission_is_reported_with_a_hint(
    start_daemon: Callable[..., object], run_dir: Path, request_sent: Request, name: str, hint: str
):
    start_daemon(Answer({}))
    run_dir.chmod(0o755)
    (run_dir / name).chmod(0)
    with as_nobody():
        error = failure(run_dir, request_sent)

    failed = (error.code, error.message, error.hint)
    assert (77, f"no permission to open {run_dir}/{name}", hint) == failed


@contextmanager
def as_nobody() -> Iterator[None]:
    """Drop root's permissions inside the context; does nothing for other users."""
    us = os.geteuid()
    if us == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(us)
