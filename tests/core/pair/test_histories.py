"""Random histories of several pairs that share slaves; pair_world.py says what holds.

HAMMERD_HISTORIES raises their number, HAMMERD_MOVES how many moves each has at least:

    HAMMERD_HISTORIES=10000 .venv/bin/pytest -s tests/core/pair/test_histories.py
"""

import os
import sys
from collections import Counter
from typing import get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hammerd.core.pair.events import Effect, Event
from hammerd.core.pair.states import State
from tests.core.pair.pair_world import PairWorld

HISTORIES = int(os.environ.get("HAMMERD_HISTORIES", "1000"))
MOVES = int(os.environ.get("HAMMERD_MOVES", "30"))


def test_no_history_breaks_a_rule_and_every_history_can_end_well() -> None:
    seen: Counter[type] = Counter()
    told: Counter[str] = Counter()

    @settings(
        max_examples=HISTORIES,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(st.integers(0, 2**16 - 1), min_size=MOVES, max_size=2 * MOVES))
    def history(choices: list[int]) -> None:
        world = PairWorld()
        for choice in choices:
            world.move(choice)
        world.heal()

        seen.update(world.seen)
        told.update(histories=1, moves=len(choices), steps=world.steps)

    history()

    told.update({kind.__name__: count for kind, count in seen.items()})
    sys.stdout.write(f"{dict(told)}\n")
    assert {*get_args(State), *get_args(Event), *get_args(Effect)} == set(seen)
