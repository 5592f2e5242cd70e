"""Waits for a condition, with a generous deadline."""

import time
from collections.abc import Callable

DEADLINE_S = 60.0
SHORTEST_DELAY_S, LONGEST_DELAY_S = 0.005, 0.04


def until(
    claim: Callable[[], object], what: str = "the condition", deadline_s: float = DEADLINE_S
) -> None:
    """Return when a claim is true; fail with `what` when it never becomes true."""
    began = time.monotonic()
    while not claim():
        waited_s = time.monotonic() - began
        assert waited_s < deadline_s, f"never came: {what}"
        # A slow claim is checked less often: each check slows down the awaited processes.
        time.sleep(min(max(SHORTEST_DELAY_S, waited_s / 20), LONGEST_DELAY_S))
