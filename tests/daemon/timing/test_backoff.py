"""The delay of a pair after failures in a row."""

import pytest

from hammerd.core.pairs import Endpoint, Pair
from hammerd.daemon.timing.backoff import JITTER, backoff_s

PAIR = Pair("home", Endpoint("/master"), Endpoint("/slave"))


@pytest.mark.parametrize(("failures", "span_s"), [(1, 1.0), (2, 2.0), (5, 16.0), (9, 256.0)])
def test_delay_doubles_with_each_failure(failures: int, span_s: float) -> None:
    assert (1 - JITTER) * span_s <= backoff_s(PAIR, failures) <= span_s


@pytest.mark.parametrize("failures", [10, 1025, 10**6, 10**12])
def test_delay_never_exceeds_the_longest_however_many_failures_there_were(failures: int) -> None:
    longest_s = PAIR.timing.backoff_max_s

    assert (1 - JITTER) * longest_s <= backoff_s(PAIR, failures) <= longest_s
