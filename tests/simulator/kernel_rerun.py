"""Plays a recording of a real kernel again: its flushes publish what and when they did there.

The files that were written are written, and each step of the master's TID in the recording is a
flush to exactly that TID, so that the batches can be compared TID by TID.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from hammerd.simulator import admin
from hammerd.simulator.kernel import flush
from hammerd.simulator.kernel.file_system import STATE_DIRECTORY, FileSystem
from hammerd.simulator.kernel.publishing import Publishing
from tests.simulator.acting import ACTS
from tests.simulator.conductor import FOR_EVER
from tests.simulator.kernel_recording import KernelRecording, Process
from tests.simulator.machine import Machine
from tests.simulator.normal import countable
from tests.simulator.outlets import Outlet
from tests.simulator.rerun import LAST_WORDS, Rerun, is_up
from tests.simulator.stage import Stage

SEEN_LATE_S = 0.3
"""How much later than what it led to a step of the TID may have been seen."""
STEPS_WITHIN_S = 0.5
"""How long a batch of a kernel may be in beginning; here it begins as soon as it is woken."""
LONGEST_SILENCE_S = 300.0
JUST_BEFORE_S = 0.01
REST = "rest of delay"
FIRST_TIDS = 0x1000
KEPT = "kept from before"

_SAFE = ("hammer", "ls", "rm", "mkdir", "touch", "ln", "mv", "cp", "chmod", "echo", "umount")


@dataclass(frozen=True, slots=True)
class Mark:
    """When so much of the recording had been said; `length` leaves out what cannot be counted."""

    at: float
    place: int
    length: int
    bulk_until: float
    """When the last read of a slice was told of before it."""


class KernelStage(Stage):
    """A machine whose other file systems are directories of our own, too, but for /dev."""

    def argv(self) -> list[str]:
        return [str(self.machine.path(w)) if _is_ours(w) else w for w in self.recording.argv]


class KernelRerun(Rerun):
    """One recording of a kernel, played on a machine of our own."""

    def __init__(self, machine: Machine, recording: KernelRecording) -> None:
        super().__init__(machine, recording)
        self.kernel = recording
        self.stage = KernelStage(machine, recording)
        self.looks: dict[float, list[Process]] = {}

    def set_up(self) -> None:
        """Make both ends as they were before the command, and start it."""
        machine, first = self.machine, self.kernel.syncs[0]
        ends = [self._new_disk(name) for name in ("/Backup1", "/Backup2")]
        master, slave = ends
        machine.run([machine.hammer, "pfs-master", master])
        live = machine.path(f"/Backup1/{master.name}")
        live.mkdir()
        admin.mount_null(master, live)
        uuid = f"shared-uuid={admin.shared_uuid(master)}"
        if "Creating PFS#1\t" not in self.kernel.sayings:
            machine.run([machine.hammer, "pfs-slave", slave, uuid])
        (live / KEPT).write_text(KEPT)
        admin.flush(machine.path("/Backup1"))
        machine.run([machine.hammer, "mirror-copy", master, slave])
        self._make_strange_places()
        self._publish(min(first.slave or 0, first.source))
        words = [machine.hammer, "pfs-update", slave, f"sync-end-tid={first.slave:#x}"]
        machine.run(words)
        if self.kernel.first_slice_bytes():
            (live / "bulk").write_bytes(bytes(self.kernel.first_slice_bytes()))
        self._publish(first.source)
        self._obey_the_words(ends)
        admin.set_knob(machine.path("/Backup1"), "flush_steps", "inf content 1")
        admin.set_knob(machine.path("/Backup2"), "flush_steps", "0 content 1")
        admin.set_knob(machine.path("/Backup2"), "slow_write_ms", self.kernel.read_ms())
        self._start()
        self.outlets[1] = _Words(self.outlets[1], str(machine.root))

    def _new_disk(self, name: str) -> Path:
        self.machine.new_disk(name, tid_base=FIRST_TIDS)
        links = [Path(word).name for word in self.kernel.argv if word.startswith(f"{name}/pfs/")]
        missing = self.kernel.sayings
        names = [link for link in links if f"{name}/pfs/{link} does not exist" not in missing]
        names = [link for link in names if f"Failed to open {name}/pfs/{link}" not in missing]
        return self.machine.path(f"{name}/pfs/{names[0] if names else 'test'}")

    def _make_strange_places(self) -> None:
        """Make the directories that were there and no HAMMER."""
        for path in re.findall(r"Cannot access (/\S+): Inappropriate", self.kernel.sayings):
            self.machine.path(path).mkdir(parents=True, exist_ok=True)

    def _obey_the_words(self, ends: list[Path]) -> None:
        """Do to the ends what hammer complained of from the start, and nobody did later."""
        hammer, said = self.machine.hammer, self.kernel.sayings
        done = " ".join(what for _, what in self.kernel.actions)
        if "different shared-uuid" in said:
            fresh = "shared-uuid=00000000-1111-2222-3333-444444444444"
            self.machine.run([hammer, "pfs-update", ends[1], fresh])
        if "must be in slave mode" in said and "pfs-upgrade" not in done:
            self.machine.run([hammer, "pfs-upgrade", ends[1]])
        failed = re.search(r"Mirror-write \S+ fatal error (\d+)", said)
        if failed:
            root = self.machine.path("/Backup2")
            admin.set_knob(root, "faults", f"MIRROR_WRITE head {failed[1]}")
        if re.search(r"Mirror-write \S+ failed: Read-only", said) and "mount" not in done:
            admin.set_knob(self.machine.path("/Backup2"), "ronly", 1)

    def play(self) -> None:
        """Set up, start, do all that was done, and end what is left."""
        try:
            self.set_up()
            actions = [(at, what, 0) for at, what in self.kernel.actions]
            steps = [(at, "", tid) for at, tid in self.kernel.steps]
            for when, what, tid in sorted(actions + steps, key=lambda one: one[0]):
                self._do(when, what, tid)
        finally:
            self.end()

    def _do(self, when: float, what: str, tid: int) -> None:
        if what.startswith("started pid"):
            return
        if tid:
            self._wait_for_step(when, tid)
            self._publish(self._at_once(when, tid))
        elif what.startswith("process ended"):
            # Its harness looked for that only in the end.
            self.wait_for_moment(when, what)
        else:
            self.wait_for_moment(when, what)
            self._act(when, what)
        self.conductor.settle()

    def _act(self, when: float, what: str) -> None:
        written = re.fullmatch(r"write (\S+) (\d+) bytes", what)
        if written:
            Path(self.stage.here(written[1])).write_bytes(bytes(int(written[2])))
        elif when in self.kernel.listings:
            self.looks[when] = self._listing()
        elif what.startswith("helper: "):
            for command in re.split(r"; | && ", what.removeprefix("helper: ").split(" -> rc ")[0]):
                self._help(command)
        else:
            act = next((act for shape, act in ACTS if re.match(shape, what)), None)
            if act:
                act(self, what)

    def _help(self, command: str) -> None:
        """Run what is known here; the rest was done to look, or to what is not modelled."""
        words = shlex.split(command.partition("<<")[0])
        if not words:
            return
        if words[0].startswith("mount"):
            self._mount(words)
        elif words[0] in _SAFE and all(_is_safe(word) for word in words[1:]):
            self.machine.run(["/bin/sh", "-c", self.stage.here(command)], cwd=Path("/"))

    def _mount(self, words: list[str]) -> None:
        root = self.machine.path(words[-1])
        if not (root / STATE_DIRECTORY).exists():
            admin.mount(root)
        is_read_only = "ro" in words or "rdonly" in words
        admin.set_knob(root, "ronly", 1 if is_read_only else None)

    def _publish(self, tid: int) -> None:
        """Flush what was written and publish it as that TID, if that is news."""
        fs = FileSystem(str(self.machine.path("/Backup1")))
        if tid <= fs.flush_tid():
            return
        with fs.locked():
            tid = max(tid, fs.last_flush_tid())
            flush.take_live_trees(fs, (tid, tid))
            fs.store_publishing(Publishing(tid))

    def _wait_for_step(self, when: float, tid: int) -> None:
        """Wait for the moment of a step: after the batches that did not take it in."""
        mark = self._recorded_mark(when - SEEN_LATE_S)
        before, after = self.kernel.last_batch_without(tid), self.kernel.next_batch(tid)
        if before and before.place >= mark.place:
            mark = self._mark_at(before.place + 1)
        if after and after.place < mark.place:
            mark = self._mark_at(after.place)
        self._advance_to(mark, when, f"the step to {tid:x}")

    def _at_once(self, when: float, tid: int) -> int:
        """Return up to which step the batch that this one wakes takes in."""
        batch = self.kernel.next_batch(tid)
        end = batch.end if batch else tid
        steps = [one for at, one in self.kernel.steps if at <= when + STEPS_WITHIN_S]
        return max(one for one in steps if one <= max(end, tid))

    def wait_for_moment(self, when: float, what: str) -> None:
        """Wait until all was said that had been by then, and for the time since."""
        if what.startswith("harness "):
            self._wait_for_end(when)
        else:
            self._advance_to(self._recorded_mark(when), when, what)

    def _wait_for_end(self, when: float) -> None:
        """Wait until as much was said, or for the time: the end may have cut off any word."""
        sure = len(self.kernel.sayings) - LAST_WORDS
        mark = next(one for one in self.marks()[::-1] if one.place <= sure or not one.length)
        all_said = self.marks()[-1].length
        reached = self._wait_for_words(mark) or self.conductor.now
        until = max(self.conductor.now, reached + when - mark.at)
        self._advance(until, lambda: self.outlets[1].reached(all_said) is not None)

    @cache  # noqa: B019 - one rerun, one recording
    def marks(self) -> list[Mark]:
        """Return what had been said of the recording when something was added to it."""
        found, said, bulk_until = [Mark(0.0, 0, 0, 0.0)], "", 0.0
        for at, text in self.kernel.chunks:
            said += text
            length = len(countable(said))
            if length > found[-1].length:
                found.append(Mark(at, len(said), length, bulk_until))
            elif "scan obj=" in text:
                bulk_until = at
        return found

    def _recorded_mark(self, until: float) -> Mark:
        """Return what had been said by then."""
        return [mark for mark in self.marks() if mark.at < until or not mark.length][-1]

    def _mark_at(self, place: int) -> Mark:
        """Return what had been said where a batch begins."""
        said = self.kernel.sayings[:place]
        at = self.kernel.said_at(place - 1) if place else 0.0
        return Mark(at, place, len(countable(said)), 0.0)

    def _advance_to(self, mark: Mark, when: float, what: str) -> None:
        """Let time move on to a moment after some words."""
        reached = self._wait_for_words(mark)
        assert reached is not None, (
            f"before {what} at {when}: nothing after {self.stage.there(self.stderr)[-300:]!r}"
        )
        self._advance(max(self.conductor.now, reached + when - mark.at))

    def _wait_for_words(self, mark: Mark) -> float | None:
        until = self.conductor.now + LONGEST_SILENCE_S
        self._advance(until, lambda: self.outlets[1].reached(mark.length) is not None)
        return self.outlets[1].reached(mark.length)

    def _advance(self, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Let time move on; a batch is begun only after all steps that it took in.

        A rest ends on a second of a clock that an emulated machine does not keep.
        """
        while True:
            self.conductor.advance(until, lambda: stop() or self._rest_ends_at() <= until)
            ends_at = self._rest_ends_at()
            if stop() or ends_at > until:
                return
            self.conductor.advance(max(self.conductor.now, ends_at - JUST_BEFORE_S))
            self._publish(self.kernel.batches[self._begun()].end)
            self.conductor.advance(ends_at)

    def _begun(self) -> int:
        if "Mirror-read: Mirror " in self.kernel.sayings:
            return self.stderr.count(b"Mirror-read: Mirror ")
        return sum(new.slave != old.slave for old, new in pairwise(self.syncs))

    def _rest_ends_at(self) -> float:
        """Return when the rest is over after which a recorded batch with work begins."""
        sleeps = self.conductor.sleeping.values()
        rests = [one.until for one in sleeps if one.reason == REST]
        begun = self._begun()
        is_known = begun < len(self.kernel.batches) and self.kernel.batches[begun].end
        return max(self.conductor.now, *rests) if rests and is_known else FOR_EVER * 2

    def _listing(self) -> list[Process]:
        sleeps = {sleep.pid for sleep in self.conductor.sleeping.values()}
        mine = [one for one in self.conductor.members if is_up(one)]
        return [
            Process(
                one.pid,
                one.parent,
                "T" if one.status == "stopped" else "S",
                "nanslp" if one.pid in sleeps else "",
                " ".join(one.words),
            )
            for one in mine
        ]


class _Words(Outlet):
    """What was said, of which digits do not count: a kernel's slices hold other bytes."""

    def __init__(self, other: Outlet, root: str) -> None:
        super().__init__(other.fd)
        self.chunks = other.chunks
        self.root = root

    def reached(self, length: int) -> float | None:
        if length > self._length(self.all().decode("latin-1")):
            return None
        said = ""
        for at, data in self.chunks:
            said += data.decode("latin-1")
            if self._length(said) >= length:
                return at
        return 0.0

    def _length(self, said: str) -> int:
        return len(countable(said.replace(self.root, "")))


def _is_ours(path: str) -> bool:
    return path.startswith("/") and not path.startswith("/dev")


def _is_safe(word: str) -> bool:
    return not word.startswith("/") or re.match(r"/Backup\d(?:/|$)", word) is not None
