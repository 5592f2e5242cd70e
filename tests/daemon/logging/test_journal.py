"""The levels of the lines about a pair, and their number."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from hammerd.core.hammer.messages import ParkCause
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.states import (
    InPrescan,
    Launching,
    Memory,
    PairLife,
    Parked,
    Probing,
    State,
    Stopped,
    Stopping,
    Streaming,
    Then,
    ThenBackoff,
    ThenLaunch,
    ThenPark,
    ThenProbe,
    ThenStopped,
    Trouble,
    WaitingForBackoff,
    WaitingForResource,
)
from hammerd.core.pairs import Endpoint, Gear, Pair
from hammerd.core.rfc3339 import parse_rfc3339
from hammerd.daemon.logging.down_pairs import MOST_AT_ONCE, TELL_AGAIN_S
from hammerd.daemon.logging.journal import Journal

PAIR = Pair("home", Endpoint("/master"), Endpoint("/slave"))
TROUBLE = Trouble("connection_lost", "look")
FAILED = Memory(failures=3)
PROBING, LAUNCHING = Probing(0, 20), Launching(0, 60, Gear.BULK)
ENDING, BACKOFF = Stopping(0, 5, ThenBackoff(TROUBLE)), WaitingForBackoff(0, 9, TROUBLE)
SILENT = WaitingForBackoff(0, 9, Trouble("launch_timeout"))
STREAMING = Streaming(0, 0, Gear.BULK, InPrescan(), 0)
PARKED = Parked(0, 60, ParkCause.UUID_MISMATCH, "ask")
PARKING = ThenPark(ParkCause.UUID_MISMATCH, "ask", is_from_stream=True)


@dataclass
class FakeLog:
    """A logger that stores the level and the event of each line."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    fields: list[Mapping[str, object]] = field(default_factory=list)

    def debug(self, event: str, **fields: object) -> None:
        self._put("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._put("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._put("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._put("error", event, fields)

    def _put(self, level: str, event: str, fields: Mapping[str, object]) -> None:
        self.lines.append((level, event))
        self.fields.append(fields)


@dataclass
class Story:
    """A pair that goes from state to state, a minute in each, and the log of it."""

    log: FakeLog = field(default_factory=FakeLog)
    now_at: float = 0.0

    def __post_init__(self) -> None:
        self.journal = Journal(self.log, self.log)
        self.before = PairLife(PAIR, Memory(), Stopped(-1))

    def goes(self, *states: State, memory: Memory) -> list[tuple[str, str]]:
        """Enter some states, and return the lines about them that are no debug."""
        begin = len(self.log.lines)
        for state in states:
            self.now_at += 60
            life = PairLife(PAIR, memory, replace(state, since_at=self.now_at))
            self.journal.stepped(self.before, life, self.now_at)
            self.before = life
        return [line for line in self.log.lines[begin:] if line[0] != "debug"]

    def waits(self, hours: float, steps: int = 1) -> list[Mapping[str, object]]:
        """Let time pass, and return the fields of each summary of the pair."""
        begin = len(self.log.lines)
        for _ in range(steps):
            self.now_at += hours * 3600 / steps
            self.journal.tell_of_down_pairs(self.now_at)
        assert set(self.log.lines[begin:]) <= {("warning", "pair.still_down")}
        return self.log.fields[begin:]


def logged(*states: State, memory: Memory) -> list[tuple[str, str]]:
    story = Story()
    story.goes(*states, memory=memory)
    return story.log.lines


def test_attempt_of_a_pair_that_keeps_failing_is_one_line() -> None:
    lines = logged(PROBING, LAUNCHING, ENDING, BACKOFF, memory=FAILED)

    assert [event for level, event in lines if level != "debug"] == ["pair.waiting"]
    assert ("warning", "pair.waiting") in lines


def test_pair_that_stays_down_is_told_of_once_for_each_cause() -> None:
    story, again = Story(), (PROBING, LAUNCHING, ENDING, BACKOFF)

    assert story.goes(*again, memory=FAILED) == [("warning", "pair.waiting")]
    assert story.goes(*again, *again, memory=FAILED) == []
    assert story.goes(PROBING, SILENT, memory=FAILED) == [("warning", "pair.waiting")]
    assert story.goes(*again, PROBING, SILENT, memory=FAILED) == []
    assert story.goes(PARKED, memory=FAILED) == [("error", "pair.parked")]


def test_pair_that_parks_after_it_waited_is_told_of_again() -> None:
    story, lines = Story(), [("error", "pair.parked"), ("warning", "pair.waiting")]

    assert story.goes(PARKED, BACKOFF, PARKED, memory=FAILED) == [*lines, lines[0]]


def test_pair_that_its_stream_parks_again_is_told_of_once() -> None:
    refused, ending = Memory(refusals=2), replace(ENDING, then=PARKING)
    story = Story()
    story.goes(PARKED, memory=Memory(refusals=1))

    assert story.goes(PROBING, LAUNCHING, ending, PARKED, memory=refused) == []


@pytest.mark.parametrize(
    ("between", "memory"), [(STREAMING, FAILED), (PROBING, Memory()), (Stopped(0), FAILED)]
)
def test_next_loss_is_told_again_after_a_stream_a_wish_or_a_rest(
    between: State, memory: Memory
) -> None:
    story = Story()
    story.goes(PROBING, BACKOFF, memory=FAILED)

    story.goes(between, memory=memory)

    assert story.goes(BACKOFF, memory=FAILED) == [("warning", "pair.waiting")]
    assert story.waits(3.9) == []


def test_pair_that_stays_down_is_summed_up_every_four_hours() -> None:
    story = Story()
    story.goes(BACKOFF, memory=replace(FAILED, failures=1))
    since_at = story.now_at
    story.goes(PROBING, LAUNCHING, ENDING, BACKOFF, memory=FAILED)

    [first] = story.waits(4.1, steps=50)
    [second] = story.waits(4, steps=50)

    assert {
        key: first[key] for key in ("pair", "state", "waiting_for", "because", "failures")
    } == {
        "pair": "home",
        "state": "waiting",
        "waiting_for": "backoff",
        "because": "connection_lost",
        "failures": 3,
    }
    assert (first["hint"], first["refusals"]) == ("look", None)
    assert second["down_s"] == pytest.approx(story.now_at - since_at, abs=1000)
    shown = parse_rfc3339(str(second["since_time"])).timestamp()
    assert shown == pytest.approx(time.time() - float(str(second["down_s"])), abs=30)


def test_pair_that_is_parked_for_43_days_is_told_of_all_along() -> None:
    story = Story()
    story.goes(replace(PARKED, hint="accept the key"), memory=Memory(refusals=1))

    summaries = story.waits(43 * 24, steps=43 * 24)

    assert len(summaries) == 43 * 6
    assert {(one["state"], one["because"], one["hint"]) for one in summaries} == {
        ("parked", "uuid_mismatch", "accept the key")
    }


@pytest.mark.parametrize(
    "state", [STREAMING, Stopped(0), PROBING, WaitingForResource(0, Resource.DRAIN, TROUBLE)]
)
def test_pair_without_a_fault_is_summed_up_never(state: State) -> None:
    story = Story()
    story.goes(state, memory=Memory())

    assert story.waits(100) == []


def test_group_that_survives_its_kill_is_summed_up() -> None:
    story = Story()
    story.goes(replace(ENDING, kills=2, is_unkillable=True), memory=Memory())

    assert [one["because"] for one in story.waits(4)] == ["unkillable"]


def test_slave_that_drains_does_not_hide_that_its_pair_is_parked() -> None:
    story = Story()
    story.goes(PARKED, memory=Memory(refusals=1))

    draining = WaitingForResource(0, Resource.DRAIN, Trouble("slave_draining"))
    assert story.goes(draining, memory=Memory(refusals=1)) == []
    assert len(story.waits(4)) == 1


def test_lines_about_a_thousand_pairs_do_not_come_at_once() -> None:
    log = FakeLog()
    journal = Journal(log, log)
    for number in range(MOST_AT_ONCE + 1):
        life = PairLife(replace(PAIR, name=f"p{number}"), Memory(), PARKED)
        journal.stepped(life, life, 0.0)

    counts = []
    for minute in (1, 2, 3):
        before = len(log.lines)
        journal.tell_of_down_pairs(TELL_AGAIN_S + 60 * minute)
        counts.append(len(log.lines) - before)

    assert counts == [MOST_AT_ONCE, 1, 0]


def test_pair_that_was_removed_is_forgotten() -> None:
    story = Story()
    story.goes(PARKED, memory=Memory())

    story.journal.forget(PAIR.name)

    assert story.waits(9) == []


@pytest.mark.parametrize(
    ("then", "has_lived", "level"),
    [
        (ThenBackoff(TROUBLE), True, "warning"),
        (ThenLaunch(Gear.BULK, TROUBLE), True, "warning"),
        (ThenBackoff(TROUBLE), False, "info"),
        (ThenLaunch(Gear.FOLLOWING), True, "info"),
        (ThenStopped(), True, "info"),
        (ThenProbe(), True, "info"),
    ],
)
def test_death_of_a_stream_is_a_warning(then: Then, has_lived: bool, level: str) -> None:
    dying = replace(ENDING, then=then, has_lived=has_lived)

    assert logged(dying, memory=Memory()) == [(level, "pair.stopping")]


def test_death_is_a_warning_though_others_came_before() -> None:
    dying = replace(ENDING, has_lived=True)

    assert logged(dying, memory=FAILED) == [("warning", "pair.stopping")]


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
