"""Sets a machine up as a recording's was, and translates words between the two."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

from hammerd.simulator import admin
from tests.simulator.machine import Machine
from tests.simulator.normal import arguments_in
from tests.simulator.recording import Recording
from tests.simulator.stand_ins import install_stand_ins

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
            for command in action.removeprefix("helper: ").split(" && "):
                self._help(command.split(" -> ")[0])
        elif action.startswith("fake kernel knob "):
            path, _, value = action.removeprefix("fake kernel knob ").partition(" = ")
            parsed = None if value == "None" else value.strip("'")
            admin.set_knob(self.machine.path(path).parents[1], Path(path).name, parsed)
        elif action.startswith("WRITE "):
            words = action.split()
            pfs_id, count = int(words[2].removeprefix("PFS#")), int(words[5].removeprefix("x"))
            admin.write(self.machine.path(words[1]), pfs_id, int(words[3]), count)
        elif action.startswith("stdin: "):
            self.stdin = _stdin(action.removeprefix("stdin: "))

    def _help(self, command: str) -> None:
        words = shlex.split(command)
        if words[0] == "fakefs-new":
            root = self.machine.path(words[1])
            root.mkdir()
            admin.new_file_system(root, words[3], version=int(words[2]))
        elif words[0] == "fakefs-mount":
            self._mount(words)
        elif words[0] == "fakefs-write":
            numbers = [int(word, 0) for word in words[2:]]
            admin.write(self.machine.path(words[1]), *numbers)
        else:
            self.machine.run(["/bin/sh", "-c", self.here(command)], cwd=Path("/"))

    def _mount(self, words: list[str]) -> None:
        place = self.machine.path(words[3])
        place.mkdir()
        admin.mount_null(self.machine.path("/Backup1/pfs/test"), place)

    def environment(self) -> dict[str, str]:
        pairs = self.recording.environment().items()
        return {name: self.here(value) for name, value in pairs}

    def directory(self) -> Path:
        """Return where the command was started."""
        name = self.recording.directory()
        return self.machine.path(name) if name.startswith("/Backup") else Path(name)

    def argv(self) -> list[str]:
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

    def there(self, output: bytes, encoding: str = "utf-8") -> str:
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
    literal = ast.literal_eval(text)
    return literal if isinstance(literal, bytes) else str(literal).encode()
