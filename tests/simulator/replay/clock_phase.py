"""Derives the part of a second at which a recorded command began, from its delays (rule 7).

The remaining delay is the delay less the whole seconds since " W", the difference of two readings
of a clock of whole seconds: it is a second longer or shorter depending on the ticks. All delays
of a recording share one clock.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

STEP = 0.02
ROUND = "round"
"""Every wait begins half a second before a tick, as in the recordings with many writes."""
NEAR_S = 0.1

_WAIT = re.compile(" W(\x08D)?\x08 ")


@dataclass(frozen=True, slots=True)
class Wait:
    """Begin and end of a wait for a write, and the remaining delay after it, if any."""

    began: float
    woke: float
    delay: int | None

    def fits(self, phase: float, delay_s: int) -> bool:
        """Return whether a clock with this phase at time 0 results in this delay."""
        return self._agrees(int(self.woke + phase) - int(self.began + phase), delay_s)

    def fits_rounded(self, delay_s: int) -> bool:
        """Return whether rounded seconds result in this delay."""
        return self._agrees(int(self.woke - self.began + 0.5), delay_s)

    def _agrees(self, passed: int, delay_s: int) -> bool:
        return passed >= delay_s if self.delay is None else passed == delay_s - self.delay

    def is_close(self, delay_s: int) -> bool:
        """Return whether a small difference decides if there is a remaining delay."""
        return delay_s - 1 - NEAR_S < self.woke - self.began < delay_s + NEAR_S


def waits(chunks: list[tuple[float, str]]) -> list[Wait]:
    """Return all waits for a write that ended."""
    ends = list(accumulate(len(text) for _, text in chunks))
    text = "".join(text for _, text in chunks)

    def at(place: int) -> float:
        return chunks[bisect_right(ends, place)][0]

    found = []
    for wait in _WAIT.finditer(text):
        over = at(wait.end() - 1)
        woke = at(wait.start(1) + 1) if wait[1] else over
        delay = round(over - woke) if wait[1] else None
        found.append(Wait(at(wait.start() + 1), woke, delay))
    return found


def clock_phase_of(seen: list[Wait], delay_s: int) -> str:
    """Return the value of SIM_CLOCK with which most of these waits are as recorded."""
    phases = [number * STEP for number in range(round(1 / STEP))]
    counts = [sum(wait.fits(phase, delay_s) for wait in seen) for phase in phases]
    best = max(counts)
    if sum(wait.fits_rounded(delay_s) for wait in seen) >= best:
        return ROUND
    return f"{_middle([p for p, count in zip(phases, counts, strict=True) if count == best]):.2f}"


def _middle(phases: list[float]) -> float:
    """Return the middle of the longest run of consecutive phases."""
    runs: list[list[float]] = []
    for phase in phases:
        if runs and phase - runs[-1][-1] < STEP * 1.5:
            runs[-1].append(phase)
        else:
            runs.append([phase])
    longest = max(runs, key=len)
    return longest[len(longest) // 2]
