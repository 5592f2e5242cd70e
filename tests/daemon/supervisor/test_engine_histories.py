"""Random histories of several pairs that share slaves, on the real engine and in virtual time.

watched_engine.py checks the rules. HAMMERD_HISTORIES raises their number, HAMMERD_MOVES how many
moves each has at least:

    HAMMERD_HISTORIES=10000 .venv/bin/pytest -s --timeout 0 tests/daemon/supervisor
"""

import os
import sys
from collections import Counter
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hammerd.core.hosts.host import THIS_HOST
from hammerd.core.pair.events import Effect, Event
from hammerd.core.pair.states import State
from tests.daemon.supervisor.engine_config import FAR
from tests.daemon.supervisor.engine_world import EngineWorld
from tests.daemon.supervisor.fake_parts import BREAKS

HISTORIES = int(os.environ.get("HAMMERD_HISTORIES", "700"))
MOVES = int(os.environ.get("HAMMERD_MOVES", "30"))


@pytest.mark.parametrize("is_faulty", [False, True], ids=["nothing_breaks", "much_breaks"])
def test_no_history_breaks_a_rule_and_every_history_can_end_well(is_faulty: bool) -> None:
    seen: Counter[type] = Counter()
    counts: Counter[str] = Counter()

    @settings(
        max_examples=HISTORIES // (4 if is_faulty else 2),
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(st.integers(0, 2**16 - 1), min_size=MOVES, max_size=2 * MOVES))
    def history(choices: list[int]) -> None:
        host = FAR if sum(choices) % 2 else THIS_HOST
        world = EngineWorld(is_faulty=is_faulty, host=host)
        for choice in choices:
            world.move(choice)
        world.heal()
        world.end()

        seen.update(world.watched.seen)
        counts.update(world.breaks.done)
        counts.update(histories=1, moves=len(choices), steps=world.watched.steps)

    history()

    counts.update({kind.__name__: count for kind, count in seen.items()})
    sys.stdout.write(f"{dict(counts)}\n")
    if is_faulty:
        assert {*BREAKS} <= {*counts}
    else:
        assert {*get_args(State), *get_args(Event), *get_args(Effect)} == set(seen)
