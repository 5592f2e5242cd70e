"""The demo's world: a directory that stands for `/`, and shell lines that run in it.

Lines are shown as an administrator types them, `/Backup1/test`; they run on real paths below a
root, which is put before every path of the world and cut out of every answer.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from hammerd.cli.demo import screen
from hammerd.cli.output.failures import CommandFailed
from hammerd.core import paths
from hammerd.core.exit_codes import Exit

COMMAND_TIMEOUT_S = 300.0
LONGEST_SOCKET_BYTES = 100

_PLAIN = re.compile(r"[A-Za-z0-9._/+-]+")
_OF_THE_WORLD = re.compile(
    r"(?<![\w./-])/(?=(?:Backup1|Backup2|sbin/hammer|usr/local/etc|var/(?:run|db|log)/hammerd)\b)"
)


class World:
    """Two empty file systems, hammer, hammerd, and a shell to use them with."""

    def __init__(self, root: Path) -> None:
        """Take a directory for `/`.

        Raises:
            CommandFailed: its path cannot stand in a config, or is too long for a socket.
        """
        self.root = root.resolve()
        self.hammer = self.root / "sbin" / "hammer"
        self.run_dir = self.path("/var/run/hammerd")
        _check_root(self.root, self.run_dir / paths.CONTROL_SOCKET)
        programs = (self.hammer.parent, os.environ.get("PATH", os.defpath))
        self.environment = {**os.environ, "PATH": os.pathsep.join(map(str, programs))}

    def build(self) -> None:
        """Install the programs, and make the file systems that the tutorial starts from."""
        from hammerd.simulator import admin

        admin.install(self.hammer.parent)
        self._install_hammerd()
        for number in (1, 2):
            label = f"Backup{number}"
            admin.new_file_system(self.root / label, label, tid_base=number << 32)
            admin.publish_in_steps(self.root / label)

    def slow_down(self, read_ms: int | None) -> None:
        """Make each 512 KiB that is read from Backup1 take so long; None for no time at all."""
        from hammerd.simulator import admin

        admin.set_knob(self.path("/Backup1"), "slow_read_ms", read_ms)

    def path(self, shown: str) -> Path:
        """Return where a path of the world really is."""
        return self.root / shown.removeprefix("/")

    def real(self, text: str) -> str:
        """Put the root before every path of the world in a text."""
        return _OF_THE_WORLD.sub(f"{self.root}/", text)

    def shown(self, text: str) -> str:
        """Cut the root out of a text."""
        return text.replace(str(self.root), "")

    def shell(self, line: str) -> str:
        """Show a shell line, run it, show what it printed, and return that.

        Raises:
            CommandFailed: it failed.
        """
        screen.command(line)
        try:
            ended = subprocess.run(
                ["/bin/sh", "-c", self.real(line)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=COMMAND_TIMEOUT_S,
                text=True,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            message = f"the demo's command took more than {COMMAND_TIMEOUT_S:g} s: {line}"
            raise CommandFailed(message) from error
        answer = self.shown(ended.stdout)
        screen.output(answer)
        if ended.returncode != 0:
            raise CommandFailed(f"the demo's command failed ({ended.returncode}): {line}")
        return answer

    def write(self, shown: str, text: str) -> None:
        """Write a file of the world, with real paths in it, and show it as it is meant."""
        path = self.path(shown)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.real(text))
        screen.command(f"cat {shown}")
        screen.output(self.shown(path.read_text()))

    def _install_hammerd(self) -> None:
        words = shlex.join([sys.executable, "-m", "hammerd.cli.main"])
        program = self.hammer.with_name("hammerd")
        # `make install` puts the modules where only the program of its own looks for them.
        place = shlex.quote(str(Path(__file__).parents[3]))
        program.write_text(f'#!/bin/sh\nPYTHONPATH={place} exec {words} "$@"\n')
        program.chmod(0o755)


def _check_root(root: Path, socket: Path) -> None:
    hint = "name a directory with --keep DIR, or set TMPDIR"
    if not _PLAIN.fullmatch(str(root)):
        message = f"{root}: the demo needs a path of plain letters, digits and ._/+-"
        raise CommandFailed(message, hint, code=Exit.USAGE)
    if len(str(socket)) > LONGEST_SOCKET_BYTES:
        raise CommandFailed(f"{socket}: too long for a Unix socket", hint, code=Exit.USAGE)
