"""Where in a second a recorded command began, as far as its rests of the delay tell (rule 7).

The rest is the delay less the whole seconds since " W", the difference of two readings of a clock
of seconds: it is a second longer or shorter as the ticks fell. All rests share one clock.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

STEP = 0.02
ROUND = "round"
"""As if every wait began half a second before a tick: so the recordings with many writes show."""
NEAR_S = 0.1

_WAIT = re.compile(" W(\x08D)?\x08 ")


@dataclass(frozen=True, slots=True)
class Wait:
    """When a wait for a write began and ended, and the rest that came after it, if any."""

    began: float
    woke: float
    rest: int | None

    def fits(self, phase: float, delay_s: int) -> bool:
        """Tell whether the clock that had gone so far in a second at 0 makes this rest."""
        return self._agrees(int(self.woke + phase) - int(self.began + phase), delay_s)

    def fits_rounded(self, delay_s: int) -> bool:
        """Tell whether rounded seconds make this rest."""
        return self._agrees(int(self.woke - self.began + 0.5), delay_s)

    def _agrees(self, passed: int, delay_s: int) -> bool:
        return passed >= delay_s if self.rest is None else passed == delay_s - self.rest

    def is_close(self, delay_s: int) -> bool:
        """Tell whether there may have been a rest or not."""
        return delay_s - 1 - NEAR_S < self.woke - self.began < delay_s + NEAR_S


def waits(chunks: list[tuple[float, str]]) -> list[Wait]:
    """Return all waits for a write that were seen to end."""
    ends = list(accumulate(len(text) for _, text in chunks))
    text = "".join(text for _, text in chunks)

    def at(place: int) -> float:
        return chunks[bisect_right(ends, place)][0]

    found = []
    for wait in _WAIT.finditer(text):
        over = at(wait.end() - 1)
        woke = at(wait.start(1) + 1) if wait[1] else over
        rest = round(over - woke) if wait[1] else None
        found.append(Wait(at(wait.start() + 1), woke, rest))
    return found


def phase_of(seen: list[Wait], delay_s: int) -> str:
    """Return the value of SIM_CLOCK under which most of these waits come out as they were."""
    phases = [number * STEP for number in range(round(1 / STEP))]
    counts = [sum(wait.fits(phase, delay_s) for wait in seen) for phase in phases]
    best = max(counts)
    if sum(wait.fits_rounded(delay_s) for wait in seen) >= best:
        return ROUND
    return f"{_middle([p for p, count in zip(phases, counts, strict=True) if count == best]):.2f}"


def _middle(phases: list[float]) -> float:
    """Return the middle of the longest stretch."""
    stretches: list[list[float]] = []
    for phase in phases:
        if stretches and phase - stretches[-1][-1] < STEP * 1.5:
            stretches[-1].append(phase)
        else:
            stretches.append([phase])
    longest = max(stretches, key=len)
    return longest[len(longest) // 2]
