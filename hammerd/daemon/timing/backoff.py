"""Computes the delay after a number of failures, with tenacity's wait strategies.

wait_exponential plus wait_random keeps its jitter at the cap, which tenacity's
wait_exponential_jitter loses: without jitter, pairs that failed together retry together for ever.
tenacity's retry loop is not used: it sleeps, and a supervisor must react to events meanwhile.
"""

from tenacity import RetryCallState, Retrying, wait_exponential, wait_random

from hammerd.core.pairs import Pair

JITTER = 0.2
"""The random part of a delay, below the exponential one: no delay exceeds backoff_max."""

MOST_COUNTED = 64
"""More failures do not lengthen the delay: a larger power of two would not fit into a float."""


def backoff_s(pair: Pair, failures: int) -> float:
    """Return the seconds to wait after `failures` (at least 1) failures in a row."""
    return growing_s(pair.timing.backoff_initial_s, pair.timing.backoff_max_s, failures)


def growing_s(initial_s: float, max_s: float, failures: int) -> float:
    """Return the seconds to wait after failures in a row: twice as long each time, with jitter."""
    attempt = RetryCallState(Retrying(), None, (), {})
    attempt.attempt_number = min(failures, MOST_COUNTED)
    span_s = wait_exponential(initial_s, max=max_s)(attempt)
    return wait_random((1 - JITTER) * span_s, span_s)(attempt)
