"""Sets a machine up as a recording's was, and translates words between the two."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

from hammerd.simulator import admin
from hammerd.simulator.kernel.file_system import STATE_DIRECTORY
from tests.simulator import fakefs
from tests.simulator.machine import Machine
from tests.simulator.normal import arguments_in
from tests.simulator.recording import Recording
from tests.simulator.stand_ins import HELPERS, install_stand_ins

_SIMPLE = re.compile(r"[\w./ @:=#-]+$")
"""A command that needs no shell."""
_NO_FORK = re.compile("fork|nproc|ulimit -u", re.IGNORECASE)
_LITERAL = re.compile(r"b?(['\"])(?:\\.|.)*?\1")
_DISK = re.compile(r"/Backup(?=\d)")
_SCRATCH = ("run", "rsh")
"""Directories of the recording machine, relative to a place that is not the command's."""


class Stage:
    """A machine on which a recording is played again."""

    def __init__(self, machine: Machine, recording: Recording) -> None:
        self.machine = machine
        self.recording = recording
        self.stdin = b""
        install_stand_ins(machine.root)

    def perform(self, action: str) -> None:
        """Do what was done to the recording machine beside the command."""
        if action.startswith("helper: "):
            line = action.removeprefix("helper: ").split(" -> rc ")[0]
            commands = line.split(" && ")
            simple = all(_SIMPLE.match(command) for command in commands)
            for command in commands if simple else [line]:
                self._help(command)
        elif action.startswith("fake kernel knob "):
            path, _, value = action.removeprefix("fake kernel knob ").partition(" = ")
            self._set_knob(Path(path), value)
        elif action.startswith("WRITE "):
            words = action.split()
            pfs_id, count = words[2].removeprefix("PFS#"), words[5].removeprefix("x")
            fakefs.write(self.machine.path(words[1]), pfs_id, words[3], count)
        elif action.startswith("stdin: "):
            self.stdin = _stdin(action.removeprefix("stdin: "))
        elif _NO_FORK.search(action):
            self.let_forks_fail()

    def _help(self, command: str) -> None:
        words = shlex.split(command) if _SIMPLE.match(command) else []
        if words and words[0] in HELPERS:
            fakefs.run(words[0], [self.here(word) for word in words[1:]])
        else:
            self.machine.run(["/bin/sh", "-c", self.here(command)], cwd=Path("/"))

    def _set_knob(self, path: Path, value: str) -> None:
        """Set a knob; of one that is not known here only the file is made."""
        try:
            parsed = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            parsed = value
        root = self.machine.path(str(path)).parents[1]
        name = "fork_fails" if _NO_FORK.search(path.name) else path.name
        if name in admin.KNOBS:
            admin.set_knob(root, name, parsed)
        elif parsed is not None:
            (root / STATE_DIRECTORY / name).write_text(f"{parsed}\n")

    def let_forks_fail(self) -> None:
        """Set the knob for it: nothing else that makes a fork fail does so for a superuser."""
        for state in self.machine.root.glob(f"*/{STATE_DIRECTORY}"):
            admin.set_knob(state.parent, "fork_fails", 1)

    def environment(self) -> dict[str, str]:
        pairs = self.recording.environment().items()
        return {name: self.here(value) for name, value in pairs}

    def directory(self) -> Path:
        """Return where the command was started."""
        name = self.recording.directory()
        return Path(self.here(name))

    def argv(self) -> list[str]:
        pairs = self.recording.environment().items()
        told = _NO_FORK.search(" ".join([*self.recording.argv, *(f"{a}={b}" for a, b in pairs)]))
        if told or self.recording.could_not_fork():
            self.let_forks_fail()
        return [self.here(word) for word in self.recording.argv]

    def calls_of_rsh(self) -> list[str]:
        log = self.machine.root / "rsh.log"
        return arguments_in(self.there(log.read_bytes())) if log.exists() else []

    def here(self, text: str) -> str:
        """Translate paths, programs and the recorded master's uuid to ours."""
        root = self.machine.root
        text = text.replace("/sbin/hammer", "hammer").replace("$OUT/", f"{root}/")
        for place in _SCRATCH:
            text = re.sub(rf"(?<![\w/]){place}/", f"{root}/{place}/", text)
        text = _DISK.sub(f"{root}/Backup", text)
        master = self.machine.path("/Backup1/pfs/test")
        if "shared-uuid=" not in text or not master.is_symlink():
            return text
        uuid = admin.shared_uuid(master)
        # One recording gives all of the uuid but its last character.
        return re.sub(
            r"shared-uuid=([0-9a-f-]{35,36})",
            lambda match: "shared-uuid=" + uuid[: len(match[1])],
            text,
        )

    def there(self, output: bytes, encoding: str = "latin-1") -> str:
        """Translate output of ours to the paths of the recording."""
        text, root = output.decode(encoding), self.machine.root
        scratch = f"transcripts/{self.recording.place.name}/"
        for word in self.recording.argv:
            if word.startswith("$OUT/"):
                text = text.replace(self.here(word), scratch + word.removeprefix("$OUT/"))
        for place in _SCRATCH:
            text = text.replace(f"{root}/{place}/", f"{place}/")
        return text.replace(str(root), "")


def _stdin(text: str) -> bytes:
    times = re.match(r"(\d+) \S+ '(.)'", text)
    if times:
        return times[2].encode() * int(times[1])
    literal = _LITERAL.search(text)
    value = ast.literal_eval(literal[0]) if literal else ""
    return value if isinstance(value, bytes) else str(value).encode()
