"""Two HAMMER file systems in the simulator, a config, and the real daemon as a child process.

Each wait is for a condition, with a long deadline.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hammerd.cli.client.control_client import send_request
from hammerd.core.api.protocol import Request, Verb
from hammerd.core.errors import HammerdError
from hammerd.daemon.process.process_table import argv_of, process_ids, read_member_or_none
from hammerd.simulator import admin
from tests.hammerd_program import HAMMERD, popen
from tests.waiting import DEADLINE_S, until

INTERPRETER = Path(sys.executable).resolve()
"""The system's Python: the path of a venv's may be too long for a script's first line."""

HAS_COMMAND_LINES = Path("/proc/self/cmdline").exists()
"""Whether one read of a file gives a command line: tests look at all processes, and often."""

Status = Mapping[str, Any]


def command_line(pid: int) -> str:
    """Return the command line of a process; empty if it has exited."""
    if not HAS_COMMAND_LINES:
        return " ".join(argv_of(pid))
    try:
        with open(f"/proc/{pid}/cmdline", errors="replace") as file:
            return file.read().replace("\0", " ")
    except OSError:
        return ""


def living_pids(needle: str) -> set[int]:
    """Return the processes, no zombies, whose command line holds a text."""
    found = [pid for pid in process_ids() if needle in command_line(pid)]
    members = {pid: read_member_or_none(pid) for pid in found}
    return {pid for pid, member in members.items() if member and not member.is_zombie}


@dataclass
class World:
    """A directory with file systems Backup1 (masters) and Backup2 (slaves).

    Its daemons are forked from a loaded process where that works, unless it `executes` each.
    """

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    time_scale: float = 5.0
    executes: bool = False
    daemons: list[subprocess.Popen[str]] = field(default_factory=list)

    def make(self) -> None:
        self.hammer = admin.install(self.root / "bin", time_scale=self.time_scale)
        for number, base in ((1, 0x100000000), (2, 0x700000000)):
            fs = self.fs(number)
            admin.new_file_system(fs, fs.name, tid_base=base)
            (fs / "pfs").mkdir()

    def fs(self, number: int) -> Path:
        return self.root / f"Backup{number}"

    def run_hammer(self, *words: object) -> str:
        argv = [str(self.hammer), *map(str, words)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def make_master(self, name: str = "test", number: int = 1) -> Path:
        """Make a master, mounted at /BackupN/name; return its softlink."""
        link = self.fs(number) / "pfs" / name
        admin.new_master(link)
        (self.fs(number) / name).mkdir()
        admin.mount_null(link, self.fs(number) / name)
        return link

    def make_slave(self, master: Path, name: str = "test", number: int = 2) -> Path:
        link = self.fs(number) / "pfs" / name
        return admin.new_slave(link, master)

    def make_pair(self, name: str = "test") -> tuple[Path, Path]:
        """Make a master and its slave; return both softlinks."""
        master = self.make_master(name)
        return master, self.make_slave(master, name)

    def write(self, name: str, text: str, pfs: str = "test") -> int:
        """Write a file under the master's mount and flush; return the TID."""
        (self.fs(1) / pfs / name).write_text(text)
        return admin.flush(self.fs(1))

    @property
    def run_dir(self) -> Path:
        return self.root / "run"

    def configure(
        self,
        pairs: Mapping[str, tuple[object, object]],
        pair_keys: Mapping[str, Mapping[str, object]] | None = None,
        **keys: str,
    ) -> Path:
        """Write a config with short times; `keys` set those of [daemon] or else of [defaults].

        `pair_keys` are more keys of some pairs, with values that JSON and TOML write alike.
        """
        daemon = {
            "hammer": str(self.hammer),
            "run_dir": str(self.run_dir),
            "state_dir": str(self.root / "db"),
            "log_file": str(self.root / "log/hammerd.log"),
            "lag_log_file": str(self.root / "log/lag.log"),
            "sample_interval": "0.5s",
            "status_group": "no-such-group",
            "stop_timeout": "20s",
        }
        defaults = {"delay": "1s", "healthy_after": "0.5s", "backoff_max": "2s"}
        defaults["remote_drain"] = "0.1s"
        for key, value in keys.items():
            (daemon if key in daemon else defaults)[key] = value
        lines = ["[daemon]", *(f'{key} = "{value}"' for key, value in daemon.items())]
        lines += ["[defaults]", *(f'{key} = "{value}"' for key, value in defaults.items())]
        for name, (master, slave) in pairs.items():
            lines += [f"[pairs.{name}]", f'master = "{master}"', f'slave = "{slave}"']
            more = (pair_keys or {}).get(name, {})
            lines += [f"{key} = {json.dumps(value)}" for key, value in more.items()]
        path = self.root / "hammerd.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def start(self, config: Path, *under: object) -> subprocess.Popen[str]:
        """Start the daemon, by another program `under` if given; wait until it answers."""
        daemon = self.spawn(config, *under)
        until(lambda: daemon.poll() is not None or self.is_answering(), "the daemon answers")
        assert daemon.poll() is None, daemon.stderr.read() if daemon.stderr else ""
        return daemon

    def spawn(self, config: Path, *under: object) -> subprocess.Popen[str]:
        daemon = (subprocess.Popen if self.executes else popen)(
            [*map(str, under), *HAMMERD, "run", "-c", str(config)],
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.daemons.append(daemon)
        return daemon

    def mirror(self, **keys: str) -> subprocess.Popen[str]:
        """Start a daemon with a pair whose master has a file; wait until its stream follows."""
        pair = self.make_pair()
        self.write("first", "first\n")
        daemon = self.start(self.configure({"test": pair}, **keys))
        self.wait_until_following()
        return daemon

    def is_answering(self) -> bool:
        try:
            return "pid" in send_request(self.run_dir, Request(Verb.PING))
        except HammerdError:
            return False

    def ask(self, verb: Verb, *pairs: str, for_s: float | None = None) -> Status:
        return send_request(self.run_dir, Request(verb, pairs, for_s))

    def status(self, pair: str = "test") -> Status:
        return self.ask(Verb.STATUS, pair)["pairs"][0]

    def wait_for(self, claim: Callable[[Status], Any], what: str, pair: str = "test") -> Status:
        """Wait until a claim is true of a pair's status; return that status."""
        last: Status = {}

        def holds() -> bool:
            nonlocal last
            last = self.status(pair)
            return bool(claim(last))

        try:
            until(holds, what)
        except AssertionError:
            raise AssertionError(f"never came: {what}\n{last}\n{self.log()}") from None
        return last

    def wait_until_following(self, pair: str = "test") -> Status:
        return self.wait_for(
            lambda now: (
                now["state"] == "streaming"
                and now["gear"] == "following"
                and len(now["half_pids"]) == 2
            ),
            "streaming in following gear, both halves seen",
            pair,
        )

    def wait_until_idle(self, pair: str = "test") -> Status:
        """Wait until a stream's source half waits for its master and prints nothing more.

        Status shows it as idle from `No work to do` on, but ` W` follows a delay later. In
        between, a half without a reader dies when it prints (docs/hammer.md 4.2).
        """
        waiters = self.fs(1) / ".hammerfs/waiters"
        return self.wait_for(
            lambda now: any((waiters / str(pid)).exists() for pid in now["half_pids"]),
            "idle",
            pair,
        )

    def log(self) -> str:
        path = self.root / "log/hammerd.log"
        return path.read_text() if path.exists() else ""

    def wait_for_log(self, text: str) -> str:
        """Wait until the log holds a text; return its first line. The writer may be behind."""
        until(lambda: text in self.log(), f"{text} in the log")
        return next(line for line in self.log().splitlines() if text in line)

    def stop(self, daemon: subprocess.Popen[str]) -> int:
        daemon.send_signal(signal.SIGTERM)
        return daemon.wait(DEADLINE_S)

    def clean_up(self) -> None:
        """Kill all processes that are left, the daemons first."""
        for daemon in self.daemons:
            if daemon.poll() is None:
                daemon.kill()
            daemon.wait()
            if daemon.stderr:
                daemon.stderr.close()
        until(lambda: not self._kill_all(), "every process of the test has ended")

    def _kill_all(self) -> set[int]:
        """Kill the processes that are left; return them. Some may have forked meanwhile."""
        left = living_pids(str(self.root))
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left
