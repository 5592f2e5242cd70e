"""Mirrors of a benchmark with an end on another host: a real sshd, and a cable that can be cut.

The hosts are those of the tests. All file systems are below the benchmark's directory; which host
has one is a matter of the words that lead to it.
"""

import contextlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.rig import Mirror, Rig
from tests.remote.sshd import Sshd, user

SYSTEM_PATH = "/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Far:
    """A host that is reached through ssh; `rsh` is a plain ssh for hammer alone."""

    sshd: Sshd
    rsh: Path

    def pull(self, mirror: Mirror) -> Mirror:
        """Put the mirror's master onto this host."""
        return replace(mirror, master_host=self._login, keys=self._keys)

    def push(self, mirror: Mirror) -> Mirror:
        """Put the mirror's slave onto this host."""
        return replace(mirror, slave_host=self._login, keys=self._keys)

    def logins(self) -> int:
        """Return the number of connections that were accepted so far."""
        return self.sshd.log.count("Accepted publickey")

    @property
    def _login(self) -> str:
        return f"{user()}@{self.sshd.address}:"

    @property
    def _keys(self) -> str:
        return (
            f"ssh_port = {self.sshd.port}\n"
            f'ssh_identity = "{self.sshd.identity}"\n'
            f'ssh_known_hosts = "{self.sshd.known_hosts}"\n'
        )


@contextlib.contextmanager
def far_host(here: Rig, address: str = "127.0.0.1", under: tuple[str, ...] = ()) -> Iterator[Far]:
    """Start an sshd whose commands find the benchmark's hammer; `under` as in Sshd."""
    sshd = Sshd(here.root / "ssh", f"{here.hammer.parent}:{SYSTEM_PATH}", address, under)
    sshd.make()
    sshd.start()
    try:
        rsh = here.root / "rsh"
        rsh.write_text(_plain_rsh(sshd))
        rsh.chmod(0o755)
        yield Far(sshd, rsh)
    finally:
        sshd.stop()


def _plain_rsh(sshd: Sshd) -> str:
    """Return a program that only adds the key, the port and the known hosts to hammer's words."""
    words = shlex.join(
        (
            *("ssh", "-F", "none", "-o", f"UserKnownHostsFile={sshd.known_hosts}"),
            *("-o", "IdentitiesOnly=yes", "-i", str(sshd.identity), "-p", str(sshd.port)),
        )
    )
    return f'#!/bin/sh\nexec {words} "$@"\n'
