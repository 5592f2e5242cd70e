"""Hosts as network namespaces of Linux, each joined to the first by a cable.

A namespace lives as long as the shell that holds it, and that ends with the process that started
it. Nothing is left: neither a name below /run/netns nor a device.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.remote.cable import TUN, Cable, open_tun
from tests.remote.sshd import program

_HOLD = "ip link set lo up && echo up && read end"


@dataclass(frozen=True)
class Host:
    """A network namespace; `under` are the words that start a program in it."""

    pid: int
    address: str

    @property
    def namespace(self) -> Path:
        return Path(f"/proc/{self.pid}/ns/net")

    @property
    def under(self) -> tuple[str, ...]:
        return (str(program("nsenter")), f"--net={self.namespace}")

    def ip(self, *words: str) -> None:
        subprocess.run([*self.under, str(program("ip")), *words], check=True)


@dataclass(frozen=True)
class Network:
    """The near host and the far hosts with their cables."""

    near: Host
    far: list[Host]
    cables: list[Cable]
    stack: ExitStack

    def restart(self, number: int) -> Host:
        """Restart a far host: it forgets its connections, and ends none of them.

        Its programs live on without a network; its sshd is started anew under the new host.
        """
        host = self.stack.enter_context(_a_host(self.far[number].address))
        self.far[number] = host
        self.cables[number].plug_in(1, _plug(host, self.near, number))
        return host


@contextmanager
def a_network(far_hosts: int = 1) -> Iterator[Network]:
    """Make a near host and far hosts; skip the test where that is not allowed."""
    with ExitStack() as stack:
        near = stack.enter_context(_a_host("10.11.0.1"))
        network = Network(near, [], [], stack)
        for number in range(far_hosts):
            host = stack.enter_context(_a_host(f"10.11.{number + 1}.1"))
            cable = Cable((_plug(near, host, number), _plug(host, near, number)))
            stack.callback(cable.close)
            network.far.append(host)
            network.cables.append(cable)
        yield network


@contextmanager
def _a_host(address: str) -> Iterator[Host]:
    with _held_namespace() as pid:
        host = Host(pid, address)
        host.ip("addr", "add", f"{address}/32", "dev", "lo")
        yield host


@contextmanager
def _held_namespace() -> Iterator[int]:
    words = [program(name) for name in ("unshare", "ip", "nsenter")]
    if os.geteuid() != 0 or not all(words) or not TUN.exists():
        pytest.skip("needs root, network namespaces and TUN devices of Linux")
    holder = subprocess.Popen(
        [str(words[0]), "--net", "sh", "-c", _HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )
    try:
        assert holder.stdout
        if holder.stdout.readline() != "up\n":
            pytest.skip("needs root, network namespaces and TUN devices of Linux")
        yield holder.pid
    finally:
        holder.communicate("")


def _plug(host: Host, other: Host, number: int) -> int:
    """Give a host an end of a cable to another one; return its descriptor."""
    name = f"cable{number}"
    fd = open_tun(host.namespace, name)
    host.ip("link", "set", name, "up")
    host.ip("route", "add", f"{other.address}/32", "dev", name, "src", host.address)
    return fd
