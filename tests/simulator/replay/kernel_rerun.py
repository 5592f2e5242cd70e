"""Replays a recording of a real kernel, with the same writes and the same steps of the TID.

Each step of the master's TID in the recording is a flush to exactly that TID, so the TIDs of all
batches can be compared.
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
from hammerd.simulator.kernel.file_system.publishing import Publishing
from hammerd.simulator.kernel.file_system.volume import STATE_DIRECTORY, FileSystem
from hammerd.simulator.kernel.flush import sync
from tests.simulator.fixtures.machine import Machine
from tests.simulator.replay.actions import ACTIONS
from tests.simulator.replay.kernel_recording import KernelRecording, Process
from tests.simulator.replay.normalise import countable
from tests.simulator.replay.output_pipe import OutputPipe
from tests.simulator.replay.rerun import UNCERTAIN_TAIL_BYTES, Rerun, is_up
from tests.simulator.replay.scenario_setup import ScenarioSetup
from tests.simulator.replay.virtual_clock import FOR_EVER

SEEN_LATE_S = 0.3
"""The longest time by which a step of the TID was recorded after its effect."""
STEPS_WITHIN_S = 0.5
"""The longest start of a batch in a kernel; here it starts at the wakeup."""
LONGEST_SILENCE_S = 300.0
JUST_BEFORE_S = 0.01
REMAINING_DELAY = "remaining delay"
FIRST_TIDS = 0x1000
OLD_FILE = "old file"

_SAFE = ("hammer", "ls", "rm", "mkdir", "touch", "ln", "mv", "cp", "chmod", "echo", "umount")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the recorded output and its time; `length` counts deterministic bytes only."""

    at: float
    place: int
    length: int
    bulk_until: float
    """The time of the last progress of a slice before it."""


class KernelScenarioSetup(ScenarioSetup):
    """A machine on which every path but /dev is below its root."""

    def argv(self) -> list[str]:
        return [str(self.machine.path(w)) if _is_ours(w) else w for w in self.recording.argv]


class KernelRerun(Rerun):
    """The replay of one recording of a kernel."""

    def __init__(self, machine: Machine, recording: KernelRecording) -> None:
        super().__init__(machine, recording)
        self.kernel = recording
        self.scenario = KernelScenarioSetup(machine, recording)
        self.listings_seen: dict[float, list[Process]] = {}

    def set_up(self) -> None:
        """Set up both ends as before the command, and start the command."""
        machine, first = self.machine, self.kernel.tid_samples[0]
        ends = [self._new_disk(name) for name in ("/Backup1", "/Backup2")]
        master, slave = ends
        machine.run([machine.hammer, "pfs-master", master])
        live = machine.path(f"/Backup1/{master.name}")
        live.mkdir()
        admin.mount_null(master, live)
        uuid = f"shared-uuid={admin.shared_uuid(master)}"
        if "Creating PFS#1\t" not in self.kernel.stderr_text:
            machine.run([machine.hammer, "pfs-slave", slave, uuid])
        (live / OLD_FILE).write_text(OLD_FILE)
        admin.flush(machine.path("/Backup1"))
        machine.run([machine.hammer, "mirror-copy", master, slave])
        self._make_other_directories()
        self._publish(min(first.slave or 0, first.source))
        words = [machine.hammer, "pfs-update", slave, f"sync-end-tid={first.slave:#x}"]
        machine.run(words)
        if self.kernel.first_slice_bytes():
            (live / "bulk").write_bytes(bytes(self.kernel.first_slice_bytes()))
        self._publish(first.source)
        self._reproduce_errors(ends)
        admin.set_knob(machine.path("/Backup1"), "flush_steps", "inf content 1")
        admin.set_knob(machine.path("/Backup2"), "flush_steps", "0 content 1")
        admin.set_knob(machine.path("/Backup2"), "slow_write_ms", self.kernel.read_ms())
        self._start()
        self.pipes[1] = _CountableOutput(self.pipes[1], str(machine.root))

    def _new_disk(self, name: str) -> Path:
        self.machine.new_disk(name, tid_base=FIRST_TIDS)
        links = [Path(word).name for word in self.kernel.argv if word.startswith(f"{name}/pfs/")]
        missing = self.kernel.stderr_text
        names = [link for link in links if f"{name}/pfs/{link} does not exist" not in missing]
        names = [link for link in names if f"Failed to open {name}/pfs/{link}" not in missing]
        return self.machine.path(f"{name}/pfs/{names[0] if names else 'test'}")

    def _make_other_directories(self) -> None:
        """Create the directories that existed but were not HAMMER."""
        for path in re.findall(r"Cannot access (/\S+): Inappropriate", self.kernel.stderr_text):
            self.machine.path(path).mkdir(parents=True, exist_ok=True)

    def _reproduce_errors(self, ends: list[Path]) -> None:
        """Cause the errors that hammer printed although no recorded action explains them."""
        hammer, output = self.machine.hammer, self.kernel.stderr_text
        done = " ".join(what for _, what in self.kernel.actions)
        if "different shared-uuid" in output:
            fresh = "shared-uuid=00000000-1111-2222-3333-444444444444"
            self.machine.run([hammer, "pfs-update", ends[1], fresh])
        if "must be in slave mode" in output and "pfs-upgrade" not in done:
            self.machine.run([hammer, "pfs-upgrade", ends[1]])
        failed = re.search(r"Mirror-write \S+ fatal error (\d+)", output)
        if failed:
            root = self.machine.path("/Backup2")
            admin.set_knob(root, "faults", f"MIRROR_WRITE head {failed[1]}")
        if re.search(r"Mirror-write \S+ failed: Read-only", output) and "mount" not in done:
            admin.set_knob(self.machine.path("/Backup2"), "ronly", 1)

    def play(self) -> None:
        """Set up, start, perform all actions, and end all processes."""
        try:
            self.set_up()
            actions = [(at, what, 0) for at, what in self.kernel.actions]
            steps = [(at, "", tid) for at, tid in self.kernel.steps]
            for when, what, tid in sorted(actions + steps, key=lambda one: one[0]):
                self._perform(when, what, tid)
        finally:
            self.end()

    def _perform(self, when: float, what: str, tid: int) -> None:
        if what.startswith("started pid"):
            return
        if tid:
            self._wait_for_step(when, tid)
            self._publish(self._coalesced_step(when, tid))
        elif what.startswith("process ended"):
            # The harness noted the end only after the run.
            self.wait_for_moment(when, what)
        else:
            self.wait_for_moment(when, what)
            self._replay_action(when, what)
        self.virtual_clock.settle()

    def _replay_action(self, when: float, what: str) -> None:
        written = re.fullmatch(r"write (\S+) (\d+) bytes", what)
        if written:
            Path(self.scenario.to_machine(written[1])).write_bytes(bytes(int(written[2])))
        elif when in self.kernel.listings:
            self.listings_seen[when] = self._listing()
        elif what.startswith("helper: "):
            for command in re.split(r"; | && ", what.removeprefix("helper: ").split(" -> rc ")[0]):
                self._run_helper(command)
        else:
            found = (action for pattern, action in ACTIONS if re.match(pattern, what))
            action = next(found, None)
            if action:
                action(self, what)

    def _run_helper(self, command: str) -> None:
        """Run a helper command that the simulator has; others only read or are not modelled."""
        words = shlex.split(command.partition("<<")[0])
        if not words:
            return
        if words[0].startswith("mount"):
            self._mount(words)
        elif words[0] in _SAFE and all(_is_safe(word) for word in words[1:]):
            self.machine.run(["/bin/sh", "-c", self.scenario.to_machine(command)], cwd=Path("/"))

    def _mount(self, words: list[str]) -> None:
        root = self.machine.path(words[-1])
        if not (root / STATE_DIRECTORY).exists():
            admin.mount(root)
        is_read_only = "ro" in words or "rdonly" in words
        admin.set_knob(root, "ronly", 1 if is_read_only else None)

    def _publish(self, tid: int) -> None:
        """Flush and publish as that TID, if it is above the published one."""
        fs = FileSystem(str(self.machine.path("/Backup1")))
        if tid <= fs.flush_tid():
            return
        with fs.locked():
            tid = max(tid, fs.last_flush_tid())
            sync.record_changes(fs, (tid, tid))
            fs.store_publishing(Publishing(tid))

    def _wait_for_step(self, when: float, tid: int) -> None:
        """Wait for the time of a step, which is after the batches that do not include it."""
        mark = self._recorded_mark(when - SEEN_LATE_S)
        before, after = self.kernel.last_batch_without(tid), self.kernel.next_batch(tid)
        if before and before.place >= mark.place:
            mark = self._mark_at(before.place + 1)
        if after and after.place < mark.place:
            mark = self._mark_at(after.place)
        self._advance_to(mark, when, f"the step to {tid:x}")

    def _coalesced_step(self, when: float, tid: int) -> int:
        """Return the last step that the batch woken by this step includes."""
        batch = self.kernel.next_batch(tid)
        end = batch.end if batch else tid
        steps = [one for at, one in self.kernel.steps if at <= when + STEPS_WITHIN_S]
        return max(one for one in steps if one <= max(end, tid))

    def wait_for_moment(self, when: float, what: str) -> None:
        """Wait for the output before an action, and for the time since it."""
        if what.startswith("harness "):
            self._wait_for_end(when)
        else:
            self._advance_to(self._recorded_mark(when), when, what)

    def _wait_for_end(self, when: float) -> None:
        """Wait for the recorded output or, as its end may be cut off, for the time."""
        sure = len(self.kernel.stderr_text) - UNCERTAIN_TAIL_BYTES
        mark = next(one for one in self.marks()[::-1] if one.place <= sure or not one.length)
        all_printed = self.marks()[-1].length
        reached = self._wait_for_output(mark) or self.virtual_clock.now
        until = max(self.virtual_clock.now, reached + when - mark.at)
        self._advance(until, lambda: self.pipes[1].reached(all_printed) is not None)

    @cache  # noqa: B019 - one rerun, one recording
    def marks(self) -> list[Mark]:
        """Return a mark for each chunk of the output that adds deterministic bytes."""
        found, output, bulk_until = [Mark(0.0, 0, 0, 0.0)], "", 0.0
        for at, text in self.kernel.chunks:
            output += text
            length = len(countable(output))
            if length > found[-1].length:
                found.append(Mark(at, len(output), length, bulk_until))
            elif "scan obj=" in text:
                bulk_until = at
        return found

    def _recorded_mark(self, until: float) -> Mark:
        """Return the last mark before a time."""
        return [mark for mark in self.marks() if mark.at < until or not mark.length][-1]

    def _mark_at(self, place: int) -> Mark:
        """Return the mark at a place in the output."""
        output = self.kernel.stderr_text[:place]
        at = self.kernel.printed_at(place - 1) if place else 0.0
        return Mark(at, place, len(countable(output)), 0.0)

    def _advance_to(self, mark: Mark, when: float, what: str) -> None:
        """Advance time to `when`, relative to a mark."""
        reached = self._wait_for_output(mark)
        assert reached is not None, (
            f"before {what} at {when}: nothing after"
            f" {self.scenario.to_recording(self.stderr)[-300:]!r}"
        )
        self._advance(max(self.virtual_clock.now, reached + when - mark.at))

    def _wait_for_output(self, mark: Mark) -> float | None:
        until = self.virtual_clock.now + LONGEST_SILENCE_S
        self._advance(until, lambda: self.pipes[1].reached(mark.length) is not None)
        return self.pipes[1].reached(mark.length)

    def _advance(self, until: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Advance time, and publish all steps of a batch before it begins.

        A delay ends on a whole second, which an emulated machine does not keep exactly.
        """
        while True:
            self.virtual_clock.advance(until, lambda: stop() or self._delay_ends_at() <= until)
            ends_at = self._delay_ends_at()
            if stop() or ends_at > until:
                return
            self.virtual_clock.advance(max(self.virtual_clock.now, ends_at - JUST_BEFORE_S))
            self._publish(self.kernel.batches[self._batches_begun()].end)
            self.virtual_clock.advance(ends_at)

    def _batches_begun(self) -> int:
        if "Mirror-read: Mirror " in self.kernel.stderr_text:
            return self.stderr.count(b"Mirror-read: Mirror ")
        return sum(new.slave != old.slave for old, new in pairwise(self.tid_samples))

    def _delay_ends_at(self) -> float:
        """Return the end of the delay after which a recorded batch with work begins."""
        sleeps = self.virtual_clock.sleeping.values()
        delays = [one.until for one in sleeps if one.reason == REMAINING_DELAY]
        begun = self._batches_begun()
        is_known = begun < len(self.kernel.batches) and self.kernel.batches[begun].end
        return max(self.virtual_clock.now, *delays) if delays and is_known else FOR_EVER * 2

    def _listing(self) -> list[Process]:
        sleeps = {sleep.pid for sleep in self.virtual_clock.sleeping.values()}
        mine = [one for one in self.virtual_clock.members if is_up(one)]
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


class _CountableOutput(OutputPipe):
    """Output without its digits, because a kernel's slices have other sizes."""

    def __init__(self, other: OutputPipe, root: str) -> None:
        super().__init__(other.fd)
        self.chunks = other.chunks
        self.root = root

    def reached(self, length: int) -> float | None:
        if length > self._length(self.all().decode("latin-1")):
            return None
        output = ""
        for at, data in self.chunks:
            output += data.decode("latin-1")
            if self._length(output) >= length:
                return at
        return 0.0

    def _length(self, output: str) -> int:
        return len(countable(output.replace(self.root, "")))


def _is_ours(path: str) -> bool:
    return path.startswith("/") and not path.startswith("/dev")


def _is_safe(word: str) -> bool:
    return not word.startswith("/") or re.match(r"/Backup\d(?:/|$)", word) is not None
