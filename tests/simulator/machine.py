"""A machine for the tests: two HAMMER disks and the programs, in a temporary directory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from hammerd.simulator import admin

DEADLINE_S = 30.0


def wait_for(what: Callable[[], bool], *, deadline_s: float = DEADLINE_S) -> None:
    """Return as soon as `what` holds; fail the test when it never does."""
    until = time.monotonic() + deadline_s
    while not what():
        assert time.monotonic() < until, "the condition never came true"
        time.sleep(0.005)


class Machine:
    """Two file systems /Backup1 and /Backup2 below a root of our own."""

    def __init__(self, root: Path, *, time_scale: float) -> None:
        self.root = root
        self.bin = root / "sbin"
        self.hammer = admin.install(self.bin, time_scale=time_scale)
        self.streams: list[Stream] = []

    def path(self, name: str) -> Path:
        """Return where a path of the recordings lies on this machine."""
        return self.root / name.lstrip("/")

    def new_disk(self, name: str, *, tid_base: int = 0x100000000) -> Path:
        root = self.path(name)
        root.mkdir()
        admin.new_file_system(root, name.lstrip("/"), tid_base=tid_base)
        (root / "pfs").mkdir()
        return root

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        path = f"{self.bin}:/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "HOME": "/root", "LANG": "C", **(extra or {})}

    def run(
        self,
        words: Sequence[str | Path],
        *,
        stdin: bytes = b"",
        cwd: Path | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end in a session of its own."""
        return subprocess.run(
            words,
            input=stdin,
            cwd=cwd or self.root,
            env=self.environment(extra),
            capture_output=True,
            start_new_session=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def stream(self, *words: str | Path, extra: Mapping[str, str] | None = None) -> Stream:
        """Start `hammer WORDS` and leave it running."""
        return self.start([self.hammer, *words], extra=extra)

    def start(
        self, words: Sequence[str | Path], *, extra: Mapping[str, str] | None = None
    ) -> Stream:
        """Start a program in a session of its own and leave it running."""
        number = len(self.streams)
        stream = Stream(self, words, self.root / f"stream{number}", extra)
        self.streams.append(stream)
        return stream

    def master_and_slave(self) -> tuple[Path, Path]:
        """Make both disks, a master with its null mount, and its slave."""
        self.new_disk("/Backup1")
        self.new_disk("/Backup2", tid_base=0x100000000)
        master, slave = self.path("/Backup1/pfs/test"), self.path("/Backup2/pfs/test")
        assert self.run([self.hammer, "pfs-master", master]).returncode == 0
        self.path("/Backup1/test").mkdir()
        admin.mount_null(master, self.path("/Backup1/test"))
        uuid = admin.shared_uuid(master)
        words = [self.hammer, "pfs-slave", slave, f"shared-uuid={uuid}"]
        assert self.run(words).returncode == 0
        return master, slave

    def close(self) -> None:
        """End every stream and see that nothing of it is left."""
        for stream in self.streams:
            stream.end()


class Stream:
    """A running hammer: its processes, what it said, and what it waited for."""

    def __init__(
        self,
        machine: Machine,
        words: Sequence[str | Path],
        place: Path,
        extra: Mapping[str, str] | None,
    ) -> None:
        self.stderr_path = place.with_suffix(".stderr")
        self.trace_path = place.with_suffix(".waits")
        environment = machine.environment(extra)
        environment["SIM_WAIT_TRACE"] = str(self.trace_path)
        with self.stderr_path.open("wb") as stderr:
            self.parent = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=environment,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.stderr_path.read_bytes().decode("utf-8")

    def wait_until_said(self, text: str, times: int = 1) -> None:
        wait_for(lambda: self.said().count(text) >= times)

    def waits(self) -> list[tuple[str, float, str]]:
        """Return (half, simulated seconds, reason) of every wait so far."""
        if not self.trace_path.exists():
            return []
        lines = (line.split(" ", 3) for line in self.trace_path.read_text().splitlines())
        return [(half, float(seconds), reason) for _, half, seconds, reason in lines]

    def wait_until_waiting(self, reason: str, times: int = 1) -> None:
        wait_for(lambda: [why for _, _, why in self.waits()].count(reason) >= times)

    def pids(self, role: str) -> list[int]:
        """Return the processes that left a line as `role` in the wait trace, oldest first."""
        if not self.trace_path.exists():
            return []
        words = (line.split(" ", 3) for line in self.trace_path.read_text().splitlines())
        return list(dict.fromkeys(int(word[0]) for word in words if word[1] == role))

    def group(self) -> list[int]:
        """Return the living processes of the stream's group."""
        return [pid for pid in group_members(self.parent.pid) if is_alive(pid)]

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.parent.pid, signal.SIGKILL)
        self.parent.wait()
        wait_for(lambda: not self.group())


def group_members(group: int) -> list[int]:
    members = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if pid > 0 and os.getpgid(pid) == group:
                members.append(pid)
    return sorted(members)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
