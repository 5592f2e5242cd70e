"""Holds a rerun against a recording of a real kernel: words, TIDs, waits, commits, processes.

Other than for the recordings of transcripts, the bytes of a slice and the number of its reads are
not compared (another B-Tree), and a wait may be a second longer or shorter (an emulated machine).
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from tests.simulator.comparing import REST_SLACK_S, agree, first_difference
from tests.simulator.conductor import by_age
from tests.simulator.kernel_recording import Process
from tests.simulator.kernel_rerun import KernelRerun, Mark
from tests.simulator.normal import (
    by_speaker,
    normalised,
    unit_kinds,
    without_echoes,
    without_figures,
    without_progress,
    without_rests,
)

EMULATED_S = 1.0
LOOKED_LATE_S = 0.5


def kernel_differences(rerun: KernelRerun) -> list[str]:
    """Return what the rerun did otherwise than the recording; nothing where they agree."""
    found = [*rerun.complaints, *_said_differences(rerun), *_commit_differences(rerun)]
    return [*found, *_wait_differences(rerun), *_process_differences(rerun)]


def comparable(said: str) -> str:
    return without_figures(normalised(without_progress(said)))


def _said_differences(rerun: KernelRerun) -> list[str]:
    recording = rerun.kernel
    recorded = comparable(recording.sayings)
    ours = comparable(rerun.stage.there(rerun.stderr))
    if agree(recorded, ours, was_cut=True):
        return []
    if recording.had_a_slow_death():
        kinds = unit_kinds(recorded), unit_kinds(ours)
        return [] if kinds[0] == kinds[1] else [f"stderr repeats {kinds[1]}, not {kinds[0]}"]
    recorded, ours = without_echoes(recorded), without_echoes(ours)
    if recording.delay_s() == 1 or recording.rests_by_chance():
        recorded, ours = without_rests(recorded), without_rests(ours)
    parts, own = by_speaker(recorded), by_speaker(ours)
    return [
        f"stderr of {speaker}: {first_difference(own[speaker], parts[speaker])}"
        for speaker in parts
        if not agree(parts[speaker], own[speaker], was_cut=True)
    ]


def _commit_differences(rerun: KernelRerun) -> list[str]:
    if "must be in slave mode" in rerun.kernel.sayings:
        return []
    recorded = _moves([sync.slave for sync in rerun.kernel.syncs])
    ours = _moves([sync.slave for sync in rerun.syncs])
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
    """Compare the pauses between the same words on both sides, all but those of a bulk."""
    recording = rerun.kernel
    if recording.had_a_slow_death():
        return []
    found = []
    for before, after in pairwise(rerun.marks()):
        ours = [rerun.outlets[1].reached(mark.length) for mark in (before, after)]
        if None in ours or before.at < after.bulk_until or _is_unsure(rerun, before, after):
            continue
        recorded_s = after.at - before.at
        own_s = (ours[1] or 0.0) - (ours[0] or 0.0)
        is_rest = "\bD" in recording.sayings[before.place : after.place]
        if abs(recorded_s - own_s) > EMULATED_S + is_rest * REST_SLACK_S:
            found.append(f"waited {own_s:.1f} s, not {recorded_s:.1f} s at {before.at:.1f}")
    return found


def _is_unsure(rerun: KernelRerun, before: Mark, after: Mark) -> bool:
    """Tell whether words were read late, because the harness waited for a helper."""
    helped = [at for at, what in rerun.kernel.actions if what.startswith("helper: ")]
    return any(0 <= mark.at - at < LOOKED_LATE_S for at in helped for mark in (before, after))


def _process_differences(rerun: KernelRerun) -> list[str]:
    recording, found = rerun.kernel, []
    started = next(what for _, what in recording.actions if what.startswith("started pid"))
    leader = int(re.findall(r"\d+", started)[0])
    leaders, own_leaders = _Roles(leader), _Roles(rerun.parents[0].pid)
    for when, processes in sorted(recording.listings.items()):
        recorded = leaders.of(processes)
        ours = own_leaders.of(rerun.looks.get(when, []))
        if recorded != ours:
            found.append(f"at {when}: processes {dict(ours)}, not {dict(recorded)}")
    return found


class _Roles:
    """Which process is which half: the older child of the parent is the source."""

    def __init__(self, leader: int) -> None:
        self.roles = {leader: "parent"}
        self.leader = leader

    def of(self, processes: list[Process]) -> Counter[str]:
        living = [one for one in processes if not one.state.startswith("Z")]
        fresh = (one.pid for one in living if one.parent == self.leader)
        unknown = by_age((pid for pid in fresh if pid not in self.roles), self.leader)
        if len(unknown) == 2:
            self.roles |= dict(zip(unknown, ("source", "target"), strict=True))
        return Counter(self._named(one) for one in living if one.pid in self.roles)

    def _named(self, one: Process) -> str:
        role = self.roles[one.pid]
        is_orphan = role != "parent" and one.parent != self.leader
        state = " stopped" if one.state.startswith("T") else ""
        return f"{role}{state}{' orphan' if is_orphan else ''}"
