"""A recorded stream on a real DragonFly kernel, as its folder tells it (tests/data/kernel).

The form is that of tests/data/transcripts but for what the README there names. Only the form is
read, never the names.
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
from tests.simulator.normal import FIRST_TID
from tests.simulator.recording import Recording, Sync

KERNEL = DATA / "kernel"

ECHO = "hammer: validate_mrec_header: short read"
SLOW_S = 5.0
MANY_READS = 4
"""A slice of fewer reads was over before anything could be done to it."""

_LINE = re.compile(r" +(\d+\.\d+)  (.*)")
_PROCESS = re.compile(r" +(\d+) (\d+) \d+ (\S+) (\S+) (.*)")
_PROGRESS = re.compile(r"\rscan obj=.{16} tids=.{33} ([ \d]{11})")
_MIRROR = re.compile(r"Mirror-read: Mirror [0-9a-f]{16} to ([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class Process:
    """A process as ps showed it."""

    pid: int
    parent: int
    state: str
    channel: str
    words: str


@dataclass(frozen=True, slots=True)
class RecordedSlice:
    """The TID that a batch ended at, where in the words it began, and when its wait was over."""

    end: int
    place: int
    woke_at: float


class KernelRecording(Recording):
    """One folder of the recordings of a kernel."""

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
        """Return where the command was started."""
        return "/"

    def is_whole(self) -> bool:
        """Tell whether more is there than words."""
        return self.has("notes.md") and bool(self.actions)

    @cached_property
    def syncs(self) -> list[Sync]:
        """Return the TIDs of both ends; a master or slave that could not be read is left out."""
        lines = [json.loads(line) for line in self.text("sync.jsonl").splitlines()]
        return [
            Sync(line["t"], int(line["slave"] or "0", 16), int(line["master"], 16))
            for line in lines
            if line["master"]
        ]

    @cached_property
    def steps(self) -> list[tuple[float, int]]:
        """Return when the master's TID moved, and where to; batches tell of some that none saw."""
        first = self.syncs[0].source
        seen = {new.source: new.at for old, new in pairwise(self.syncs) if new.source > old.source}
        told = {batch.end: batch.woke_at for batch in self.batches if batch.end > first}
        # Who looked at the TIDs was late now and then, and a batch cannot take in what is to come.
        earliest = {tid: min(at, told.get(tid, at)) for tid, at in (told | seen).items()}
        steps = sorted(earliest.items(), reverse=True)
        latest, found = float("inf"), []
        for tid, at in steps:
            latest = min(latest, at)
            found.append((latest, tid))
        return found[::-1]

    @property
    def sayings(self) -> str:
        return "".join(text for _, text in self.chunks)

    @cached_property
    def batches(self) -> list[RecordedSlice]:
        """Return all batches, those without work too; of one that was silent all commits."""
        said = self.sayings
        found: list[RecordedSlice] = []
        if "Mirror-read: Mirror" not in said:
            moved = [new for old, new in pairwise(self.syncs) if new.slave != old.slave]
            ends = [(sync.at, sync.slave or 0) for sync in moved]
            return [RecordedSlice(end, self._began_by(at), at) for at, end in ends]
        for one in _MIRROR.finditer(said):
            woke = max(said.rfind(end, 0, one.start()) for end in ("\b ", "Lost Link\n"))
            is_first = woke < 0 or said[woke] != "\b"
            at = self.said_at(one.start() if is_first else woke)
            found.append(RecordedSlice(int(one[1], 16), one.start(), at))
        return found

    def _began_by(self, when: float) -> int:
        """Return where in the words the last batch begins that was begun by then."""
        said = "".join(text for at, text in self.chunks if at < when)
        return max(0, *(said.rfind(words) for words in ("Running ", "Prescan to break")))

    def said_at(self, place: int) -> float:
        """Return when it said what stands at a place of its words."""
        total = 0
        for at, text in self.chunks:
            total += len(text)
            if total > place:
                return at
        return float("inf")

    def next_batch(self, tid: int) -> RecordedSlice | None:
        """Return the first batch that took a TID in."""
        return next((one for one in self.batches if one.end >= max(tid, FIRST_TID)), None)

    def last_batch_without(self, tid: int) -> RecordedSlice | None:
        """Return the last batch with work that did not take a TID in."""
        return next((one for one in self.batches[::-1] if FIRST_TID <= one.end < tid), None)

    def had_a_slow_death(self) -> bool:
        """Tell whether a half was long in dying, after which all came at other times."""
        pairs = pairwise(self.chunks)
        return any(
            ECHO in text and "hammer: " in before and at - since > SLOW_S
            for (since, before), (at, text) in pairs
        )

    def first_slice_bytes(self) -> int:
        """Return how much was to be sent at the start, before anything was written."""
        written = [at for at, what in self.actions if what.startswith("write ")]
        until = min([*written, *(at for at, _ in self.steps)], default=float("inf"))
        began = next((at for at, text in self.chunks if _MIRROR.search(text)), until)
        first = _MIRROR.split(self.sayings)[2:3] if began < until else []
        sizes = [int(size) for size in _PROGRESS.findall(first[0])] if first else []
        return sizes[-1] if len(sizes) > MANY_READS else 0

    def read_ms(self) -> int:
        """Return how long 512 KiB took where a slice was long enough to be disturbed."""
        moments = [at for at, text in self.chunks for _ in _PROGRESS.findall(text)]
        gaps = [later - at for at, later in pairwise(moments)]
        return round(1000 * median(gaps)) if len(gaps) > MANY_READS else 0
