"""Replaces `/` by a directory, and runs shell lines in it.

Lines are shown as an administrator types them, `/Backup1/test`. They run on real paths below a
root directory: it is put before each path of a line, and removed from the output.
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
_SANDBOX_PATH = re.compile(
    r"(?<![\w./-])/(?=(?:Backup1|Backup2|sbin/hammer|usr/local/etc|var/(?:run|db|log)/hammerd)\b)"
)


class FakeRoot:
    """Two empty file systems, hammer, hammerd, and a shell to use them."""

    def __init__(self, root: Path) -> None:
        """Use `root` in place of `/`.

        Raises:
            CommandFailed: its path cannot be used in a config, or is too long for a socket.
        """
        self.root = root.resolve()
        self.hammer = self.root / "sbin" / "hammer"
        self.run_dir = self.path("/var/run/hammerd")
        _check_root(self.root, self.run_dir / paths.CONTROL_SOCKET)
        programs = (self.hammer.parent, os.environ.get("PATH", os.defpath))
        self.environment = {**os.environ, "PATH": os.pathsep.join(map(str, programs))}

    def build(self) -> None:
        """Install the programs, and create the file systems with which the tutorial starts."""
        from hammerd.simulator import admin

        admin.install(self.hammer.parent)
        self._install_hammerd()
        for number in (1, 2):
            label = f"Backup{number}"
            admin.new_file_system(self.root / label, label, tid_base=number << 32)
            admin.publish_in_steps(self.root / label)

    def slow_down(self, read_ms: int | None) -> None:
        """Set the milliseconds that each read of 512 KiB from Backup1 takes; None for 0."""
        from hammerd.simulator import admin

        admin.set_knob(self.path("/Backup1"), "slow_read_ms", read_ms)

    def path(self, shown: str) -> Path:
        """Return the real path of a path of the fake root."""
        return self.root / shown.removeprefix("/")

    def with_root(self, text: str) -> str:
        """Return a text with the root before each path of the fake root."""
        return _SANDBOX_PATH.sub(f"{self.root}/", text)

    def without_root(self, text: str) -> str:
        """Return a text with the root removed."""
        return text.replace(str(self.root), "")

    def shell(self, line: str) -> str:
        """Show a shell line, run it, and show and return its output.

        Raises:
            CommandFailed: it failed.
        """
        screen.show_command(line)
        try:
            ended = subprocess.run(
                ["/bin/sh", "-c", self.with_root(line)],
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
        output = self.without_root(ended.stdout)
        screen.show_output(output)
        if ended.returncode != 0:
            raise CommandFailed(f"the demo's command failed ({ended.returncode}): {line}")
        return output

    def write(self, shown: str, text: str) -> None:
        """Write a file of the fake root with real paths in it, and show it without the root."""
        path = self.path(shown)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.with_root(text))
        screen.show_command(f"cat {shown}")
        screen.show_output(self.without_root(path.read_text()))

    def _install_hammerd(self) -> None:
        words = shlex.join([sys.executable, "-m", "hammerd.cli.main"])
        program = self.hammer.with_name("hammerd")
        # `make install` puts the modules into a directory that only its own program searches.
        modules = shlex.quote(str(Path(__file__).parents[3]))
        program.write_text(f'#!/bin/sh\nPYTHONPATH={modules} exec {words} "$@"\n')
        program.chmod(0o755)


def _check_root(root: Path, socket: Path) -> None:
    hint = "name a directory with --keep DIR, or set TMPDIR"
    if not _PLAIN.fullmatch(str(root)):
        message = f"{root}: the demo needs a path of plain letters, digits and ._/+-"
        raise CommandFailed(message, hint, code=Exit.USAGE)
    if len(str(socket)) > LONGEST_SOCKET_BYTES:
        raise CommandFailed(f"{socket}: too long for a Unix socket", hint, code=Exit.USAGE)
