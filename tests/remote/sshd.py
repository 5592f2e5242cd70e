"""A real OpenSSH sshd on a port of its own, for one test, as root or as an ordinary user.

Its configuration, keys and log are in one directory. It ends with the process that started it,
also when that is killed: its shell waits for the end of a pipe.
"""

import contextlib
import os
import pwd
import random
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psutil

from tests.waiting import DEADLINE_S, until

PROGRAMS_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin"
PORTS = range(20000, 32000)
"""Below the ports that a kernel gives to outgoing connections."""

ATTEMPTS = 10
NO_PENALTIES_SINCE = (9, 8)

_KEEPER = '"$@" & echo $!; read end; kill $! 2>/dev/null; wait'

# The default of many releases, sntrup761x25519, takes a client 50 ms of computing for each login.
_CONFIG = """\
KexAlgorithms curve25519-sha256
ListenAddress {address}:{port}
HostKey {root}/host_key
PidFile {root}/pid
AuthorizedKeysFile {root}/authorized_keys
UsePAM no
StrictModes no
UseDNS no
PermitRootLogin yes
PrintMotd no
MaxStartups 200
MaxSessions 100
LogLevel VERBOSE
SetEnv PATH={path} HOME={root}/home HAMMERD_FAR_DIR={root}
"""


def program(name: str) -> str | None:
    """Return the path of a program, also if a user's PATH does not lead to it."""
    return shutil.which(name, path=PROGRAMS_PATH)


def user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def has_programs() -> bool:
    return all(map(program, ("sshd", "ssh", "ssh-keygen")))


def has_shell() -> bool:
    """Return whether sshd can run commands as the user of the tests."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_shell).name not in ("nologin", "false", "sync")
    except KeyError:
        return False


@cache
def _version() -> tuple[int, ...]:
    ssh = program("ssh") or "ssh"
    said = subprocess.run([ssh, "-V"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def make_key(path: Path) -> str:
    """Make an ed25519 key without a passphrase; return its public half."""
    argv = [str(program("ssh-keygen")), "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f"]
    subprocess.run([*argv, str(path)], check=True)
    return path.with_suffix(".pub").read_text().strip()


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class Sshd:
    """An sshd that runs commands with a PATH; `under` are the words to start it under."""

    root: Path
    path: str
    address: str = "127.0.0.1"
    under: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    keeper: subprocess.Popen[str] | None = None
    pid: int = 0

    def make(self) -> None:
        """Make the host's key and `identity`, a client's key without a restriction."""
        self.root.mkdir(parents=True)
        self.home.mkdir()
        self.make_host_key()
        (self.root / "authorized_keys").touch()
        self.identity = self.allow("identity")

    def make_host_key(self) -> None:
        """Make the host's key; one that it had is replaced, for new connections at once."""
        key = self.root / "host_key"
        for old in (key, key.with_suffix(".pub")):
            old.unlink(missing_ok=True)
        self.host_key = " ".join(make_key(key).split()[:2])

    def allow(self, name: str, command: str = "", options: str = "") -> Path:
        """Make a client's key and allow it, only for a forced command if one is given."""
        key = self.root / name
        self.allow_public(make_key(key), command, options)
        return key

    def allow_public(self, public: str, command: str = "", options: str = "") -> None:
        forced = 'command="' + command.replace('"', '\\"') + '"' if command else ""
        words = ",".join(filter(None, (forced, options)))
        with (self.root / "authorized_keys").open("a") as file:
            file.write(f"{words} {public}\n".lstrip())

    @property
    def home(self) -> Path:
        """The directory whose start-up files a login shell reads."""
        return self.root / "home"

    @property
    def known_hosts(self) -> Path:
        return self.root / "known_hosts"

    def ssh(self, identity: Path | None = None, *, connect_timeout_s: int = 20) -> tuple[str, ...]:
        """Return the words that run a command over there, without hammerd's own rsh."""
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.known_hosts,
            "ConnectTimeout": connect_timeout_s,
        }
        words = [f"-o{name}={value}" for name, value in options.items()]
        where = ["-i", str(identity or self.identity), "-p", str(self.port), self.address]
        return (str(program("ssh")), "-F", "none", *words, *where)

    @property
    def log(self) -> str:
        return (self.root / "log").read_text()

    def start(self) -> None:
        """Start it, on the port it had before if it had one; wait until it listens."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for _ in range(1 if self.port else ATTEMPTS):
            port = self.port or random.choice(PORTS)
            if self._listens(port):
                self.port = port
                self.known_hosts.write_text(f"[{self.address}]:{port} {self.host_key}\n")
                return
        raise AssertionError(f"sshd does not start:\n{self.log}")

    def _listens(self, port: int) -> bool:
        (self.root / "log").write_text("")
        (self.root / "config").write_text(self._config(port))
        argv = [str(program("sshd")), "-D", "-f", f"{self.root}/config", "-E", f"{self.root}/log"]
        self.keeper = subprocess.Popen(
            ["sh", "-c", _KEEPER, "sh", *self.under, *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self.keeper.stdout
        self.pid = int(self.keeper.stdout.readline())
        until(lambda: "Server listening" in self.log or not self._runs(), "sshd listens")
        if "Server listening" in self.log:
            return True
        self.stop()
        return False

    def _config(self, port: int) -> str:
        config = _CONFIG.format(address=self.address, port=port, root=self.root, path=self.path)
        lines = dict(self.options)
        if _version() >= NO_PENALTIES_SINCE:
            lines.setdefault("PerSourcePenalties", "no")
        # Of an option that is given twice sshd takes the first.
        return "".join(f"{name} {value}\n" for name, value in lines.items()) + config

    def _runs(self) -> bool:
        return psutil.pid_exists(self.pid) and _is_alive(psutil.Process(self.pid))

    def processes(self) -> list[psutil.Process]:
        """Return the processes of its sessions, with the commands that they run."""
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def signal_all(self, number: signal.Signals) -> None:
        """Signal it and all its sessions: SIGSTOP freezes the host's programs, SIGCONT thaws."""
        self._signal(number)
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def signal_command(self, word: str, number: signal.Signals) -> None:
        """Signal the commands of its sessions that have a word."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if word in process.cmdline():
                    process.send_signal(number)

    def end_sessions(self) -> None:
        """Kill the sessions and what they run; sshd goes on."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def stop(self) -> None:
        """End it and its sessions."""
        if self.keeper is None:
            return
        # Stopped first, so that no session begins meanwhile.
        self._signal(signal.SIGSTOP)
        sessions = self.processes()
        self._signal(signal.SIGKILL)
        for process in sessions:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        until(lambda: not any(map(_is_alive, sessions)), "the sessions have ended")
        self.keeper.communicate("", timeout=DEADLINE_S)
        self.keeper = None

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(self.pid).send_signal(number)
