"""Runs the guard of a far slave as a login shell would, with flock(1) or a lockf(1)."""

import contextlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from hammerd.core.hosts.far_guard import guard_words, lock_name
from hammerd.simulator.shebang import shebang
from tests.waiting import until

SLAVE = "/pfs/slave"
LOCKF = Path(__file__).with_name("fake_lockf.py")
LOCKS = ("flock", "lockf") if shutil.which("flock") else ("lockf",)
SHELLS = tuple(
    path for name in ("sh", "bash", "dash", "csh", "tcsh", "zsh") if (path := shutil.which(name))
)

_WRITER = """\
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
try:
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    os.write(fd, b"two writers")
print("writes", flush=True)
time.sleep(1000)
"""
"""A writer that leaves a word in a file if another one lives."""


@dataclass
class FarShell:
    """The host of a slave: a directory for its locks, and its programs."""

    root: Path
    lock: str

    def make(self) -> None:
        bin_dir = self.root / "bin"
        bin_dir.mkdir(parents=True)
        for name in ("ps", "expr"):
            (bin_dir / name).symlink_to(str(shutil.which(name)))
        self.set_delay("0.05")
        if self.lock == "flock":
            (bin_dir / "flock").symlink_to(str(shutil.which("flock")))
        elif self.lock == "lockf":
            self._add("lockf", LOCKF.read_text())
        self._add("writer", _WRITER)

    def _add(self, name: str, program: str) -> None:
        file = self.root / "bin" / name
        file.write_text(f"{shebang('-IS')}{program}")
        file.chmod(0o755)

    def set_delay(self, seconds: str) -> None:
        """Set how long the guard waits before it looks again."""
        sleep = self.root / "bin" / "sleep"
        sleep.write_text(f"#!/bin/sh\nexec {shutil.which('sleep')} {seconds}\n")
        sleep.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.root}/bin", "HAMMERD_FAR_DIR": str(self.root)}

    @property
    def record(self) -> Path:
        return self.root / lock_name(SLAVE)

    @property
    def has_seen_two_writers(self) -> bool:
        return bool((self.root / "one").read_bytes())

    def start(
        self, *words: str, owner: str = "me", shell: str = "/bin/sh"
    ) -> "subprocess.Popen[str]":
        """Start a command under the guard; without words, a writer."""
        words = words or ("writer", f"{self.root}/one")
        return subprocess.Popen(
            [shell, "-c", f"{guard_words(owner, SLAVE)} {' '.join(words)}"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def writing(self, owner: str = "me") -> "subprocess.Popen[str]":
        """Start a writer under the guard, and return when it writes."""
        guard = self.start(owner=owner)
        assert guard.stdout
        assert guard.stdout.readline() == "writes\n", guard.communicate()
        return guard

    def recorded_pid(self) -> int:
        return int(self.record.read_text().split()[0])

    def holder(self) -> psutil.Process:
        """Return the process that holds the lock."""
        writer = psutil.Process(self.recorded_pid())
        parent = writer.parent() if self.lock == "lockf" else None
        return parent or writer


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(guard: "subprocess.Popen[str]") -> None:
    """Kill a guard's session, which it leads, and wait for it."""
    until(lambda: _is_killed(guard.pid), "the session ends")
    guard.communicate()


def _is_killed(session: int) -> bool:
    members = [pid for pid in psutil.pids() if _session_of(pid) == session and is_alive(pid)]
    for pid in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return not members


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1
