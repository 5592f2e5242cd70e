"""Reads the folder of a recorded run of the real hammer.

It relies only on the form that tests/data/transcripts/README.md describes, not on names.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from hammerd.simulator.runtime.console import CommandExit
from hammerd.simulator.utility.arguments.options import Options, UsageError, parse
from tests.paths import DATA
from tests.simulator.replay.clock_phase import Wait, clock_phase_of, waits
from tests.simulator.replay.normalise import FIRST_TID

TRANSCRIPTS = DATA / "transcripts"

BURST_S = 0.2
FEW_WRITES = 20
CHECKED_S = 0.1  # a time limit is checked at each output, which is later in a recording

_ACTION = re.compile(r"^ +(setup|\d+\.\d+)  (.*)$", re.MULTILINE)
_PID = re.compile(r"^ +pid (\d+)", re.MULTILINE)
_BATCH_END = re.compile(r"(?:Mirror [0-9a-f]{16} to |tids=[0-9a-f]{16}:)([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class RecordedTids:
    """The slave's sync-end-tid (None without a PFS#1) and the source's flush TID at a time."""

    at: float
    slave: int | None
    source: int


@dataclass(frozen=True, slots=True)
class RecordedBatch:
    """The begin of a batch and its output up to the next one."""

    at: float
    text: str

    def takes_in(self, tid: int, written_at: float) -> bool:
        """Return whether a write with that TID, noted at that time, was in the batch."""
        ends = [int(end, 16) for end in _BATCH_END.findall(self.text)]
        if not ends or ends[0] < FIRST_TID or "No work" in self.text:
            return written_at < self.at
        return ends[0] >= tid


class Recording:
    """The folder of one recording."""

    def __init__(self, place: Path) -> None:
        self.place = place
        notes = self.text("notes.md").partition("## exit")[0]
        actions = _ACTION.findall(notes)
        self.setup = [what for when, what in actions if when == "setup"]
        self.actions = [(float(when), what) for when, what in actions if when != "setup"]
        command = json.loads(self.text("cmd.json"))
        self.argv: list[str] = command["argv"]
        self.second: list[str] = command.get("second") or []

    def text(self, name: str) -> str:
        return self.content(name).decode("utf-8")

    def output(self, name: str) -> str:
        """Return output as text; it need not be UTF-8."""
        return self.content(name).decode("latin-1")

    def content(self, name: str) -> bytes:
        """Return the content of a file, empty if it is missing."""
        return (self.place / name).read_bytes() if self.has(name) else b""

    def has(self, name: str) -> bool:
        return (self.place / name).exists()

    def environment(self) -> dict[str, str]:
        lines = self.text("env").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def status(self) -> int | None:
        """Return the exit status, minus the signal, None if it was still running."""
        words = self.text("exit").split()
        if words[0] == "signal":
            return -int(words[1])
        return int(words[0]) if words[0].isdigit() else None

    def directory(self) -> str:
        started = [what for _, what in self.actions if what.startswith("started pid")]
        return started[0].rpartition("(cwd ")[2].rstrip(")") if started else "/"

    @cached_property
    def chunks(self) -> list[tuple[float, str]]:
        """Return the chunks of stderr with their times."""
        lines = (json.loads(line) for line in self.text("timing.jsonl").splitlines())
        return [(line["t"], line["data"]) for line in lines if line["stream"] == "stderr"]

    @cached_property
    def tid_samples(self) -> list[RecordedTids]:
        lines = [json.loads(line) for line in self.text("sync.jsonl").splitlines()]
        return [
            RecordedTids(
                line["t"], _tid(line["slave_sync_end_tid"]), _tid(line["source_flush_tid1"]) or 0
            )
            for line in lines
        ]

    def boards(self) -> list[tuple[float, str]]:
        """Return the content of the scoreboard at each change."""
        lines = [json.loads(line) for line in self.text("scoreboard.jsonl").splitlines()]
        return [(line["t"], line["content"]) for line in lines]

    def ended_at(self) -> float:
        """Return when the harness ended the run, infinity if it did not."""
        ends = [at for at, what in self.actions if what.startswith("harness ends the run")]
        return ends[0] if ends else float("inf")

    def needs_ssh(self) -> bool:
        """Return whether a half was reached by ssh itself, not by a replacement."""
        is_remote = any(":" in word for word in self.argv if "mirror-" in " ".join(self.argv))
        return is_remote and "HAMMER_RSH" not in self.environment()

    def could_not_fork(self) -> bool:
        """Return whether the command used the CPU without ever having a child."""
        spins = any(what.startswith("parent state R") for _, what in self.actions)
        return spins and len(set(_PID.findall(self.text("notes.md")))) == 1

    def is_racing(self) -> bool:
        """Return whether two streams overtook each other, which depends on milliseconds."""
        return any("WENT BACKWARDS" in what for _, what in self.actions)

    def is_unread(self) -> bool:
        """Return whether its output was not read."""
        return "output pipes: unread" in self.setup

    def is_silent(self) -> bool:
        """Return whether it ran without -v: its output shows no batches then."""
        return not self._options().verbose

    def is_statistical(self) -> bool:
        """Return whether it was silent with so many writes that its batches were random."""
        writes = [what for _, what in self.actions if what.startswith("WRITE ")]
        return self.is_silent() and len(writes) > FEW_WRITES

    def delay_s(self) -> int | None:
        """Return the delay of a mirror-stream."""
        return self._options().delay_s if "mirror-stream" in self.argv else None

    def _options(self) -> Options:
        """Return the options of hammer, also if another program runs it."""
        words = shlex.split(self.argv[2]) if self.argv[1:2] == ["-c"] else self.argv
        place = next((i for i, word in enumerate(words) if Path(word).name == "hammer"), 0)
        try:
            return parse(words[place + 1 :])[0]
        except (UsageError, CommandExit):
            return Options()

    def clock_phase(self) -> str:
        """Return the phase of the clock at the start, derived from delays or from -t."""
        ends = [at for at, text in self.chunks if "interrupted by timer" in text]
        phase = self._options().timeout_s + 1 - ends[0] + CHECKED_S if ends else -1
        return (
            f"{phase:.2f}" if 0 <= phase < 1 else clock_phase_of(self.waits, self.source_delay_s)
        )

    @cached_property
    def waits(self) -> list[Wait]:
        """Return the recorded waits for a write."""
        return waits(self.chunks)

    @property
    def source_delay_s(self) -> int:
        """Return the delay of the source half; ssh does not pass -i on."""
        is_remote = any(":" in word for word in self.argv[-2:-1])
        return Options().delay_s if is_remote else self._options().delay_s

    def has_close_delays(self) -> bool:
        """Return whether a small difference decides if some wait has a remaining delay."""
        return any(wait.is_close(self.source_delay_s) for wait in self.waits)

    def batch_near(self, when: float, within: float) -> RecordedBatch | None:
        """Return the batch that began by itself, after a delay, within seconds of a time."""
        output = ""
        for index, (at, text) in enumerate(self.chunks):
            before, begins, _ = (output[-2:] + text).partition("\b ")
            if begins and abs(at - when) < within and before.endswith("D"):
                rest = "".join(text for _, text in self.chunks[index:])
                return RecordedBatch(at, rest[: rest.find("\b ", 3)])
            output += text
        return None


def commits(tid_samples: list[RecordedTids]) -> list[float]:
    """Return the times at which the slave's TID moved, one for each burst of moves."""
    moments = [new.at for old, new in pairwise(tid_samples) if new.slave != old.slave]
    return [at for before, at in pairwise([-BURST_S, *moments]) if at - before >= BURST_S]


def _tid(digits: str | None) -> int | None:
    return None if digits is None else int(digits, 16)
