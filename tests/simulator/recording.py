"""A recorded run of the real hammer, and how to play it again on a machine of our own.

Only what tests/data/transcripts/README.md calls the form is read here, never the names.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

from hammerd.simulator import admin
from tests.simulator.machine import Machine
from tests.simulator.stand_ins import install_stand_ins

TRANSCRIPTS = Path(__file__).parents[1] / "data" / "transcripts"

_ACTION = re.compile(r"^ +(setup|\d+\.\d+)  (.*)$", re.MULTILINE)
_DISK = re.compile(r"/Backup(?=\d)")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{11,12}")
_TID = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")
_FIRST_TID = 0x100000300
_LAST_TID = 0x7FFFFFFFFFFFFFFF


class Recording:
    def __init__(self, name: str, directory: Path = TRANSCRIPTS) -> None:
        self.place = directory / name
        notes = self.text("notes.md").partition("## exit")[0]
        actions = _ACTION.findall(notes)
        self.setup = [what for when, what in actions if when == "setup"]
        self.actions = [(float(when), what) for when, what in actions if when != "setup"]
        self.argv: list[str] = json.loads(self.text("cmd.json"))["argv"]

    def text(self, name: str) -> str:
        return (self.place / name).read_bytes().decode("utf-8")

    def environment(self) -> dict[str, str]:
        lines = self.text("env").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def status(self) -> int | None:
        """Return the exit status, minus the signal, or None when it was still running."""
        words = self.text("exit").split()
        if words[0] == "signal":
            return -int(words[1])
        return int(words[0]) if words[0].isdigit() else None

    def directory(self) -> str:
        started = next(what for _, what in self.actions if what.startswith("started pid"))
        return started.rpartition("(cwd ")[2].rstrip(")")


class Replay:
    """Performs the setup of a recording and translates its words."""

    def __init__(self, machine: Machine, recording: Recording) -> None:
        self.machine = machine
        self.recording = recording
        self.stdin = b""

    def set_up(self) -> None:
        install_stand_ins(self.machine.root / "rsh", self.machine.root / "rsh.log")
        for action in self.recording.setup:
            self.perform(action)

    def perform(self, action: str) -> None:
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

    def environment(self) -> dict[str, str]:
        pairs = self.recording.environment().items()
        return {name: self.here(value) for name, value in pairs}

    def directory(self) -> Path:
        """Return where the command was started."""
        name = self.recording.directory()
        return self.machine.path(name) if name.startswith("/Backup") else Path(name)

    def calls_of_rsh(self) -> list[str]:
        log = self.machine.root / "rsh.log"
        return arguments_in(self.there(log.read_bytes())) if log.exists() else []

    def _mount(self, words: list[str]) -> None:
        place = self.machine.path(words[3])
        place.mkdir()
        admin.mount_null(self.machine.path("/Backup1/pfs/test"), place)

    def here(self, text: str) -> str:
        """Translate paths, programs and the recorded master's uuid to ours."""
        text = text.replace("/sbin/hammer", "hammer").replace("run/", f"{self.machine.root}/")
        text = re.sub(r"(?<!\S)(?<==)?rsh/|(?<==)rsh/", f"{self.machine.root}/rsh/", text)
        text = text.replace("$OUT/", f"{self.machine.root}/")
        text = _DISK.sub(f"{self.machine.root}/Backup", text)
        master = self.machine.path("/Backup1/pfs/test")
        if not master.is_symlink():
            return text
        uuid = admin.shared_uuid(master)
        # 06h gives all of the uuid but its last character.
        return re.sub(
            r"shared-uuid=([0-9a-f-]{35,36})",
            lambda match: "shared-uuid=" + uuid[: len(match[1])],
            text,
        )

    def argv(self) -> list[str]:
        return [self.here(word) for word in self.recording.argv]

    def there(self, output: bytes) -> str:
        """Translate output of ours to the paths of the recording."""
        text = output.decode("utf-8")
        scratch = f"transcripts/{self.recording.place.name}/"
        for word in self.recording.argv:
            if word.startswith("$OUT/"):
                text = text.replace(self.here(word), scratch + word.removeprefix("$OUT/"))
        return text.replace(str(self.machine.root), "")


def _stdin(text: str) -> bytes:
    times = re.match(r"(\d+) \S+ '(.)'", text)
    if times:
        return times[2].encode() * int(times[1])
    literal = ast.literal_eval(text)
    return literal if isinstance(literal, bytes) else str(literal).encode()


def arguments_in(rsh_log: str) -> list[str]:
    """Return the arguments of all calls, sorted: lines of two calls at once are interleaved."""
    return sorted(re.findall(r"\[[^]]*\]", rsh_log))


def normalised(text: str) -> str:
    """Number TIDs and uuids by first appearance, so that two runs can be compared."""
    uuids: dict[str, str] = {}
    text = _UUID.sub(lambda match: _numbered(match[0], uuids), text)
    tids: dict[int, str] = {}
    return _TID.sub(lambda match: _named_tid(match[0], tids), text)


def _numbered(uuid: str, uuids: dict[str, str]) -> str:
    if not uuid.strip("0-"):
        return uuid
    return uuids.setdefault(uuid, f"<uuid {len(uuids) + 1}>")


def _named_tid(digits: str, tids: dict[int, str]) -> str:
    tid = int(digits, 16)
    if tid < _FIRST_TID or tid >= _LAST_TID:
        return digits
    if tid not in tids and tid - 1 in tids:
        return tids[tid - 1] + "+1"
    return tids.setdefault(tid, f"<tid {len(tids) + 1}>")
