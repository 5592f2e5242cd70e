"""Groups are signalled only until their leader is reaped; then another group may get the id."""

import select
import socket
from collections.abc import Callable, Iterator

import pytest

from hammerd.daemon.process.spawn import (
    Child,
    kill_group,
    reap,
    spawn,
    spawn_with_socket,
    terminate_group,
)
from tests.waiting import DEADLINE_S

ENV = {"PATH": "/bin:/usr/bin"}


@pytest.fixture
def echo() -> Iterator[Child]:
    """Start a program that returns every byte it gets, in a group of its own."""
    child = spawn_with_socket(["cat"], ENV)
    try:
        yield child
    finally:
        kill_group(child)
        reap(child)


def is_answering(echo: Child) -> bool:
    """Return whether the program still runs: a signal that was sent before would end it first."""
    with socket.socket(fileno=echo.fds[0]) as ours:
        try:
            ours.send(b"!")
            readable, _, _ = select.select([ours], [], [], DEADLINE_S)
            return bool(readable) and ours.recv(1) == b"!"
        except OSError:
            return False
        finally:
            ours.detach()


@pytest.mark.parametrize("end_group", [terminate_group, kill_group])
def test_group_that_got_the_id_of_a_reaped_one_is_not_signalled(
    echo: Child, end_group: Callable[[Child], None]
) -> None:
    reaped = spawn(["true"], ENV)
    reap(reaped)
    # As if the kernel gave the id away again.
    reaped.popen.pid = echo.pid

    end_group(reaped)

    assert is_answering(echo)


@pytest.mark.parametrize("end_group", [terminate_group, kill_group])
def test_group_whose_leader_is_not_reaped_is_signalled(
    echo: Child, end_group: Callable[[Child], None]
) -> None:
    end_group(echo)

    assert not is_answering(echo)


def test_group_is_reaped_once() -> None:
    ended = spawn(["false"], ENV)

    assert (reap(ended), reap(ended)) == ("exit 1", "exit 1")
