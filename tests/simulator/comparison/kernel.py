"""Compares a rerun with a recording of a real kernel: output, TIDs, waits, commits, processes.

Unlike for transcripts, the bytes of a slice and the number of its reads are not compared (another
B-Tree), and a wait may be a second longer or shorter (an emulated machine).
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from tests.simulator.comparison.transcripts import DELAY_SLACK_S, agree, first_difference
from tests.simulator.replay.kernel_recording import Process
from tests.simulator.replay.kernel_rerun import KernelRerun, Mark
from tests.simulator.replay.normalise import (
    by_process,
    line_kinds,
    normalised,
    without_delay_marks,
    without_figures,
    without_peer_errors,
    without_progress,
)
from tests.simulator.replay.virtual_clock import by_age

EMULATED_S = 1.0
READ_LATE_S = 0.5


def kernel_differences(rerun: KernelRerun) -> list[str]:
    """Return the differences of a rerun from its recording; empty if they agree."""
    found = [*rerun.failures, *_output_differences(rerun), *_commit_differences(rerun)]
    return [*found, *_wait_differences(rerun), *_process_differences(rerun)]


def comparable(output: str) -> str:
    return without_figures(normalised(without_progress(output)))


def _output_differences(rerun: KernelRerun) -> list[str]:
    recording = rerun.kernel
    recorded = comparable(recording.stderr_text)
    ours = comparable(rerun.scenario.to_recording(rerun.stderr))
    if agree(recorded, ours, was_cut=True):
        return []
    if recording.had_slow_exit():
        kinds = line_kinds(recorded), line_kinds(ours)
        return [] if kinds[0] == kinds[1] else [f"stderr repeats {kinds[1]}, not {kinds[0]}"]
    recorded, ours = without_peer_errors(recorded), without_peer_errors(ours)
    if recording.delay_s() == 1 or recording.has_close_delays():
        recorded, ours = without_delay_marks(recorded), without_delay_marks(ours)
    parts, own = by_process(recorded), by_process(ours)
    return [
        f"stderr of {speaker}: {first_difference(own[speaker], parts[speaker])}"
        for speaker in parts
        if not agree(parts[speaker], own[speaker], was_cut=True)
    ]


def _commit_differences(rerun: KernelRerun) -> list[str]:
    if "must be in slave mode" in rerun.kernel.stderr_text:
        return []
    recorded = _moves([sample.slave for sample in rerun.kernel.tid_samples])
    ours = _moves([sample.slave for sample in rerun.tid_samples])
    shorter = min(len(recorded), len(ours))
    if recorded[:shorter] == ours[:shorter] and abs(len(recorded) - len(ours)) <= 1:
        return []
    return [f"slave's TIDs {_hex(ours)}, not {_hex(recorded)}"]


def _moves(tids: list[int | None]) -> list[int]:
    known = [tid for tid in tids if tid]
    return [new for old, new in pairwise([0, *known]) if new != old]


def _hex(tids: list[int]) -> list[str]:
    return [f"{tid:x}" for tid in tids]


def _wait_differences(rerun: KernelRerun) -> list[str]:
    """Compare the pauses at the same places of both outputs, but for those of a bulk."""
    recording = rerun.kernel
    if recording.had_slow_exit():
        return []
    found = []
    for before, after in pairwise(rerun.marks()):
        ours = [rerun.pipes[1].reached(mark.length) for mark in (before, after)]
        if None in ours or before.at < after.bulk_until or _was_read_late(rerun, before, after):
            continue
        recorded_s = after.at - before.at
        own_s = (ours[1] or 0.0) - (ours[0] or 0.0)
        is_delay = "\bD" in recording.stderr_text[before.place : after.place]
        if abs(recorded_s - own_s) > EMULATED_S + is_delay * DELAY_SLACK_S:
            found.append(f"waited {own_s:.1f} s, not {recorded_s:.1f} s at {before.at:.1f}")
    return found


def _was_read_late(rerun: KernelRerun, before: Mark, after: Mark) -> bool:
    """Return whether output was read late because the harness waited for a helper."""
    helped = [at for at, what in rerun.kernel.actions if what.startswith("helper: ")]
    return any(0 <= mark.at - at < READ_LATE_S for at in helped for mark in (before, after))


def _process_differences(rerun: KernelRerun) -> list[str]:
    recording, found = rerun.kernel, []
    started = next(what for _, what in recording.actions if what.startswith("started pid"))
    parent_pid = int(re.findall(r"\d+", started)[0])
    recorded_roles, our_roles = _ProcessRoles(parent_pid), _ProcessRoles(rerun.parents[0].pid)
    for when, processes in sorted(recording.listings.items()):
        recorded = recorded_roles.of(processes)
        ours = our_roles.of(rerun.listings_seen.get(when, []))
        if recorded != ours:
            found.append(f"at {when}: processes {dict(ours)}, not {dict(recorded)}")
    return found


class _ProcessRoles:
    """Assigns roles to processes: the older child of the parent is the source half."""

    def __init__(self, parent_pid: int) -> None:
        self.roles = {parent_pid: "parent"}
        self.parent_pid = parent_pid

    def of(self, processes: list[Process]) -> Counter[str]:
        living = [one for one in processes if not one.state.startswith("Z")]
        fresh = (one.pid for one in living if one.parent == self.parent_pid)
        unknown = by_age((pid for pid in fresh if pid not in self.roles), self.parent_pid)
        if len(unknown) == 2:
            self.roles |= dict(zip(unknown, ("source", "target"), strict=True))
        return Counter(self._named(one) for one in living if one.pid in self.roles)

    def _named(self, one: Process) -> str:
        role = self.roles[one.pid]
        is_orphan = role != "parent" and one.parent != self.parent_pid
        state = " stopped" if one.state.startswith("T") else ""
        return f"{role}{state}{' orphan' if is_orphan else ''}"
