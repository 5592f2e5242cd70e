"""Runs the rc.d script in a separate directory tree, with a small rc.subr of our own."""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from hammerd.core import paths
from tests.daemon.world import INTERPRETER, World
from tests.paths import ROOT
from tests.waiting import DEADLINE_S, until

RC_SUBR = Path(__file__).parent / "rc.subr"

HEAD = f"""#!{INTERPRETER}
import sys
sys.path[:0] = {[str(ROOT), *sys.path]!r}
"""

PROGRAM = f"""{HEAD}
from hammerd.cli.main import main
sys.exit(main())
"""
"""A script as pip installs it: its first line names an interpreter by its full path."""

NO_MASTER = {"test": ("/no/such/master", "/no/such/slave")}
"""A pair that waits: the service needs no more to run."""

HAS_OWN_MEANING = "has a meaning of its own"
"""The output of our rc.subr when a script returns a status that it must not."""


@dataclass
class Service:
    """Runs `service hammerd VERB` with one shell."""

    world: World
    shell: tuple[str, ...]
    knobs: dict[str, str] = field(default_factory=dict)
    columns: int = 200

    def __post_init__(self) -> None:
        self.config = self.world.configure(NO_MASTER)
        self.program = self.world.root / "local/bin/hammerd"
        self.install(PROGRAM)
        script = (ROOT / "rc.d/hammerd").read_text()
        assert script.count(". /etc/rc.subr\n") == 1
        self.script = self.world.root / "local/etc/rc.d/hammerd"
        self.script.parent.mkdir(parents=True)
        script = script.replace(". /etc/rc.subr\n", f". {shlex.quote(str(RC_SUBR))}\n")
        # A test touches nothing of the system it runs on.
        for path in (paths.RUN_DIR, paths.STATE_DIR):
            script = script.replace(path, f"{self.world.root}{path}")
        self.script.write_text(script)
        self.syslog = self.world.root / "syslog"
        logger = self.world.root / "local/bin/logger"
        logger.write_text(f'#!/bin/sh\n{{ echo "$*"; cat; }} >> {self.syslog}\n')
        logger.chmod(0o755)
        self.knobs = {
            "hammerd_enable": "YES",
            "hammerd_config": str(self.config),
            "hammerd_program": str(self.program),
        }

    def install(self, program: str) -> None:
        """Install a program as hammerd."""
        self.program.parent.mkdir(parents=True, exist_ok=True)
        self.program.write_text(program)
        self.program.chmod(0o755)

    def install_stand_in(self, body: str) -> None:
        """Install a program in place of hammerd that prints its arguments and environment."""
        self.install(f"{HEAD}import os\nwords = sys.argv[1:]\n{body}\n")

    def argv(self, verb: str) -> list[str]:
        return [*self.shell, str(self.script), verb]

    def env(self) -> dict[str, str]:
        """Write rc.conf; return the environment for the script."""
        rc_conf = self.world.root / "rc.conf"
        lines = [f"{name}={shlex.quote(value)}" for name, value in self.knobs.items()]
        rc_conf.write_text("\n".join(lines) + "\n")
        variables = {
            "RC_CONF": str(rc_conf),
            "RC_SHELL": shlex.join(self.shell),
            "RC_POLL_S": "0.1",
            "COLUMNS": str(self.columns),
            "PATH": f"{self.program.parent}:{os.environ['PATH']}",
        }
        return {**os.environ, **self.world.env, **variables}

    def run(self, verb: str) -> subprocess.CompletedProcess[str]:
        """Run a verb; stdout and stderr are one stream, as on a terminal."""
        done = subprocess.run(
            self.argv(verb),
            env=self.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert HAS_OWN_MEANING not in done.stdout
        return done

    def does(self, verb: str) -> str:
        """Run a verb, assert that it succeeds, and return its output."""
        done = self.run(verb)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def fails(self, verb: str) -> str:
        """Run a verb, assert that it fails, and return its output."""
        done = self.run(verb)
        assert done.returncode == 1, done.stdout
        return done.stdout

    @property
    def pidfile(self) -> Path:
        return self.world.run_dir / "hammerd.pid"

    def pid(self) -> int:
        """Return the pid in the daemon's pid file."""
        return int(self.pidfile.read_text())

    def break_config(self) -> None:
        """Replace the config by one with two faults."""
        good = self.config.read_text()
        self.config.write_text(good + '[pairs.other]\nmastr = "/a"\nslave = "b"\n')


FAULTS = ("pairs.other.mastr", "pairs.other.slave")
"""The positions of the faults in a broken config."""


def has_ended(pid: int) -> bool:
    """Return whether a process has exited; a zombie that init will reap has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def ends(pid: int) -> None:
    until(lambda: has_ended(pid), f"the end of {pid}")
