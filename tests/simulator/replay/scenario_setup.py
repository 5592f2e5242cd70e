"""Sets up a machine as the recording's was, and translates paths between the two."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

from hammerd.simulator import admin
from hammerd.simulator.kernel.file_system.volume import STATE_DIRECTORY
from tests.simulator.fixtures.machine import Machine
from tests.simulator.replay import fakefs
from tests.simulator.replay.normalise import arguments_in
from tests.simulator.replay.recorded_programs import HELPERS, install_recorded_programs
from tests.simulator.replay.recording import Recording

_SIMPLE = re.compile(r"[\w./ @:=#-]+$")
"""A command that needs no shell."""
_NO_FORK = re.compile("fork|nproc|ulimit -u", re.IGNORECASE)
_LITERAL = re.compile(r"b?(['\"])(?:\\.|.)*?\1")
_DISK = re.compile(r"/Backup(?=\d)")
_SCRATCH = ("run", "rsh")
"""Directories of the recording machine that are not relative to the command's directory."""


class ScenarioSetup:
    """The machine of a replay."""

    def __init__(self, machine: Machine, recording: Recording) -> None:
        self.machine = machine
        self.recording = recording
        self.stdin = b""
        install_recorded_programs(machine.root)

    def perform(self, action: str) -> None:
        """Perform an action of the recording other than the command."""
        if action.startswith("helper: "):
            line = action.removeprefix("helper: ").split(" -> rc ")[0]
            commands = line.split(" && ")
            simple = all(_SIMPLE.match(command) for command in commands)
            for command in commands if simple else [line]:
                self._run_helper(command)
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
            self.make_forks_fail()

    def _run_helper(self, command: str) -> None:
        words = shlex.split(command) if _SIMPLE.match(command) else []
        if words and words[0] in HELPERS:
            fakefs.run(words[0], [self.to_machine(word) for word in words[1:]])
        else:
            self.machine.run(["/bin/sh", "-c", self.to_machine(command)], cwd=Path("/"))

    def _set_knob(self, path: Path, value: str) -> None:
        """Set a knob; an unknown one becomes a file only."""
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

    def make_forks_fail(self) -> None:
        """Make forks fail by the knob: limits do not apply to a superuser."""
        for state in self.machine.root.glob(f"*/{STATE_DIRECTORY}"):
            admin.set_knob(state.parent, "fork_fails", 1)

    def environment(self) -> dict[str, str]:
        pairs = self.recording.environment().items()
        return {name: self.to_machine(value) for name, value in pairs}

    def directory(self) -> Path:
        """Return the working directory of the command."""
        name = self.recording.directory()
        return Path(self.to_machine(name))

    def argv(self) -> list[str]:
        pairs = self.recording.environment().items()
        is_limited = _NO_FORK.search(
            " ".join([*self.recording.argv, *(f"{a}={b}" for a, b in pairs)])
        )
        if is_limited or self.recording.could_not_fork():
            self.make_forks_fail()
        return [self.to_machine(word) for word in self.recording.argv]

    def calls_of_rsh(self) -> list[str]:
        log = self.machine.root / "rsh.log"
        return arguments_in(self.to_recording(log.read_bytes())) if log.exists() else []

    def to_machine(self, text: str) -> str:
        """Translate paths, programs and the master's uuid of the recording to this machine."""
        root = self.machine.root
        text = text.replace("/sbin/hammer", "hammer").replace("$OUT/", f"{root}/")
        for place in _SCRATCH:
            text = re.sub(rf"(?<![\w/]){place}/", f"{root}/{place}/", text)
        text = _DISK.sub(f"{root}/Backup", text)
        master = self.machine.path("/Backup1/pfs/test")
        if "shared-uuid=" not in text or not master.is_symlink():
            return text
        uuid = admin.shared_uuid(master)
        # One recording lacks the last character of the uuid.
        return re.sub(
            r"shared-uuid=([0-9a-f-]{35,36})",
            lambda match: "shared-uuid=" + uuid[: len(match[1])],
            text,
        )

    def to_recording(self, output: bytes, encoding: str = "latin-1") -> str:
        """Translate the output of this machine to the paths of the recording."""
        text, root = output.decode(encoding), self.machine.root
        scratch = f"transcripts/{self.recording.place.name}/"
        for word in self.recording.argv:
            if word.startswith("$OUT/"):
                text = text.replace(self.to_machine(word), scratch + word.removeprefix("$OUT/"))
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
