"""Reads the folder of a stream that was recorded on a real DragonFly kernel (tests/data/kernel).

The form is that of tests/data/transcripts, with the differences that the README there names. Only
the form counts, not the names.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from statistics import median

from tests.paths import DATA
from tests.simulator.replay.normalise import FIRST_TID
from tests.simulator.replay.recording import RecordedTids, Recording

KERNEL = DATA / "kernel"

ECHO = "hammer: validate_mrec_header: short read"
SLOW_S = 5.0
MANY_READS = 4
"""A slice of fewer reads ended before an action could interrupt it."""

_LINE = re.compile(r" +(\d+\.\d+)  (.*)")
_PROCESS = re.compile(r" +(\d+) (\d+) \d+ (\S+) (\S+) (.*)")
_PROGRESS = re.compile(r"\rscan obj=.{16} tids=.{33} ([ \d]{11})")
_MIRROR = re.compile(r"Mirror-read: Mirror [0-9a-f]{16} to ([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class Process:
    """A line of ps."""

    pid: int
    parent: int
    state: str
    channel: str
    words: str


@dataclass(frozen=True, slots=True)
class RecordedSlice:
    """A batch: its end TID, its place in the output, and the end of the wait before it."""

    end: int
    place: int
    woke_at: float


class KernelRecording(Recording):
    """The folder of one recording of a kernel."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.setup: list[str] = []
        self.actions: list[tuple[float, str]] = []
        self.listings: dict[float, list[Process]] = {}
        command = json.loads(self.text("cmd.json"))
        self.argv: list[str] = command["argv"]
        self.second: list[str] = command.get("second") or []
        self._read_notes()

    def _read_notes(self) -> None:
        when, what = 0.0, [""]
        for line in self.text("notes.md").splitlines():
            action, process = _LINE.fullmatch(line), _PROCESS.fullmatch(line)
            if action:
                when, what = float(action[1]), [action[2]]
                self.actions.append((when, action[2]))
            elif process and what[0].startswith("ps"):
                pid, parent, state, channel, words = process.groups()
                found = Process(int(pid), int(parent), state, channel, words)
                self.listings.setdefault(when, []).append(found)
            elif self.actions:
                what.append(line)
                self.actions[-1] = (when, "\n".join(what))

    def directory(self) -> str:
        """Return the working directory of the command."""
        return "/"

    def is_whole(self) -> bool:
        """Return whether the recording has more than output."""
        return self.has("notes.md") and bool(self.actions)

    @cached_property
    def tid_samples(self) -> list[RecordedTids]:
        """Return the TIDs of both ends, without the times at which the master was unreadable."""
        lines = [json.loads(line) for line in self.text("sync.jsonl").splitlines()]
        return [
            RecordedTids(line["t"], int(line["slave"] or "0", 16), int(line["master"], 16))
            for line in lines
            if line["master"]
        ]

    @cached_property
    def steps(self) -> list[tuple[float, int]]:
        """Return the moves of the master's TID; batches show some that were not recorded."""
        first = self.tid_samples[0].source
        seen = {
            new.source: new.at
            for old, new in pairwise(self.tid_samples)
            if new.source > old.source
        }
        shown = {batch.end: batch.woke_at for batch in self.batches if batch.end > first}
        # TIDs were sometimes recorded late, and a batch cannot contain a later step.
        earliest = {tid: min(at, shown.get(tid, at)) for tid, at in (shown | seen).items()}
        steps = sorted(earliest.items(), reverse=True)
        latest, found = float("inf"), []
        for tid, at in steps:
            latest = min(latest, at)
            found.append((latest, tid))
        return found[::-1]

    @property
    def stderr_text(self) -> str:
        return "".join(text for _, text in self.chunks)

    @cached_property
    def batches(self) -> list[RecordedSlice]:
        """Return all batches, also those without work; without -v all commits."""
        output = self.stderr_text
        found: list[RecordedSlice] = []
        if "Mirror-read: Mirror" not in output:
            moved = [new for old, new in pairwise(self.tid_samples) if new.slave != old.slave]
            ends = [(sample.at, sample.slave or 0) for sample in moved]
            return [RecordedSlice(end, self._began_by(at), at) for at, end in ends]
        for one in _MIRROR.finditer(output):
            woke = max(output.rfind(end, 0, one.start()) for end in ("\b ", "Lost Link\n"))
            is_first = woke < 0 or output[woke] != "\b"
            at = self.printed_at(one.start() if is_first else woke)
            found.append(RecordedSlice(int(one[1], 16), one.start(), at))
        return found

    def _began_by(self, when: float) -> int:
        """Return the place in the output of the last batch that had begun by then."""
        output = "".join(text for at, text in self.chunks if at < when)
        return max(0, *(output.rfind(words) for words in ("Running ", "Prescan to break")))

    def printed_at(self, place: int) -> float:
        """Return the time of a place in the output."""
        total = 0
        for at, text in self.chunks:
            total += len(text)
            if total > place:
                return at
        return float("inf")

    def next_batch(self, tid: int) -> RecordedSlice | None:
        """Return the first batch that included a TID."""
        return next((one for one in self.batches if one.end >= max(tid, FIRST_TID)), None)

    def last_batch_without(self, tid: int) -> RecordedSlice | None:
        """Return the last batch with work that did not include a TID."""
        return next((one for one in self.batches[::-1] if FIRST_TID <= one.end < tid), None)

    def had_slow_exit(self) -> bool:
        """Return whether a half took long to exit, which shifts all later times."""
        pairs = pairwise(self.chunks)
        return any(
            ECHO in text and "hammer: " in before and at - since > SLOW_S
            for (since, before), (at, text) in pairs
        )

    def first_slice_bytes(self) -> int:
        """Return the bytes to send at the start, before the first write."""
        written = [at for at, what in self.actions if what.startswith("write ")]
        until = min([*written, *(at for at, _ in self.steps)], default=float("inf"))
        began = next((at for at, text in self.chunks if _MIRROR.search(text)), until)
        first = _MIRROR.split(self.stderr_text)[2:3] if began < until else []
        sizes = [int(size) for size in _PROGRESS.findall(first[0])] if first else []
        return sizes[-1] if len(sizes) > MANY_READS else 0

    def read_ms(self) -> int:
        """Return the milliseconds per read of 512 KiB, 0 if the slice was short."""
        moments = [at for at, text in self.chunks for _ in _PROGRESS.findall(text)]
        gaps = [later - at for at, later in pairwise(moments)]
        return round(1000 * median(gaps)) if len(gaps) > MANY_READS else 0
