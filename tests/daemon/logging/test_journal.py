"""The levels of the lines about a pair, and their number."""

from dataclasses import dataclass, field, replace

import pytest

from hammerd.core.hammer.messages import ParkCause
from hammerd.core.pair.states import (
    Launching,
    Memory,
    PairLife,
    Parked,
    Probing,
    State,
    Stopped,
    Stopping,
    ThenBackoff,
    ThenStopped,
    Trouble,
    WaitingForBackoff,
)
from hammerd.core.pairs import Endpoint, Gear, Pair
from hammerd.daemon.logging.journal import Journal

PAIR = Pair("home", Endpoint("/master"), Endpoint("/slave"))
TROUBLE = Trouble("link_lost")
FAILED = Memory(failures=3)
PROBING, LAUNCHING = Probing(0, 20), Launching(0, 60, Gear.BULK)
ENDING, BACKOFF = Stopping(0, 5, ThenBackoff(TROUBLE)), WaitingForBackoff(0, 9, TROUBLE)


@dataclass
class FakeLog:
    """A logger that stores the level and the event of each line."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def debug(self, event: str, **fields: object) -> None:
        self.lines.append(("debug", event))

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(("info", event))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(("warning", event))

    def error(self, event: str, **fields: object) -> None:
        self.lines.append(("error", event))


def logged(*states: State, memory: Memory) -> list[tuple[str, str]]:
    log = FakeLog()
    journal, before = Journal(log, log), PairLife(PAIR, memory, states[0])
    for state in states:
        life = PairLife(PAIR, memory, state)
        journal.stepped(before, life, 0.0)
        before = life
    return log.lines


def test_attempt_of_a_pair_that_keeps_failing_is_one_line() -> None:
    lines = logged(PROBING, LAUNCHING, ENDING, BACKOFF, memory=FAILED)

    assert [event for level, event in lines if level != "debug"] == ["pair.waiting"]
    assert ("warning", "pair.waiting") in lines


def test_first_attempt_of_a_pair_is_logged_step_by_step() -> None:
    lines = logged(PROBING, LAUNCHING, ENDING, BACKOFF, memory=Memory())

    assert [level for level, _ in lines] == ["info", "info", "info", "warning"]


@pytest.mark.parametrize(
    ("state", "level"),
    [
        (Parked(0, 60, ParkCause.REFUSED, "ask"), "error"),
        (replace(ENDING, then=ThenStopped()), "info"),
        (Stopped(0), "info"),
    ],
)
def test_state_without_a_retry_is_logged_though_there_were_failures(
    state: State, level: str
) -> None:
    assert [one for one, _ in logged(PROBING, state, memory=FAILED)][-1] == level
