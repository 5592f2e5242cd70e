"""Sockets to listen on: who may open them, and what an earlier server left."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hammerd.core.errors import HammerdError
from hammerd.web.process.listen import Address, bind, bound_address


@pytest.fixture
def path() -> Iterator[Path]:
    # pytest's own directories are too long for the name of a Unix socket.
    with tempfile.TemporaryDirectory(prefix="h", dir="/tmp") as directory:
        yield Path(directory) / "web.sock"


def test_unix_socket_is_for_its_group(path: Path) -> None:
    gid = os.getgid()

    with bind(Address(str(path)), gid) as listener, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        found = path.stat()

        assert (found.st_mode & 0o777, found.st_gid) == (0o660, gid)
        assert str(bound_address(listener)) == str(path)


def test_socket_that_nobody_uses_is_replaced_and_another_is_not(path: Path) -> None:
    bind(Address(str(path))).close()
    with (
        bind(Address(str(path))),
        pytest.raises(HammerdError, match=f"cannot listen on {path}: .*in use"),
    ):
        bind(Address(str(path)))


def test_other_file_is_left_alone(path: Path) -> None:
    path.write_text("mine")

    with pytest.raises(HammerdError, match="no socket"):
        bind(Address(str(path)))

    assert path.read_text() == "mine"


def test_port_that_is_taken_is_named() -> None:
    with bind(Address("127.0.0.1", 0)) as listener:
        taken = bound_address(listener)

        with pytest.raises(HammerdError, match=f"cannot listen on {taken}: .*in use"):
            bind(taken)
