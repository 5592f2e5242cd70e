"""The history tells the true times after a wall clock that was wrong, whatever came in between."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hammerd.daemon.history import eras
from tests.daemon.history.machine import BEGIN_S, DAY_S, HOUR_S, MINUTE_S, Machine

YEAR_S = 365 * DAY_S


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def forward(machine: Machine) -> None:
    machine.set_clock(30 * DAY_S)
    machine.run(2 * HOUR_S)
    machine.set_clock()


def backward(machine: Machine) -> None:
    machine.set_clock(-2 * HOUR_S)
    machine.run(HOUR_S)
    machine.set_clock()


def twice(machine: Machine) -> None:
    forward(machine)
    machine.run(HOUR_S)
    backward(machine)


def restarted(machine: Machine) -> None:
    machine.set_clock(30 * DAY_S)
    machine.restart()
    machine.run(HOUR_S)
    machine.restart()
    machine.run(HOUR_S)
    machine.set_clock()


def set_right_while_down(machine: Machine) -> None:
    machine.set_clock(30 * DAY_S)
    machine.run(HOUR_S)
    machine.ahead_s = 0.0
    machine.restart()
    machine.run(MINUTE_S)


def rebooted(machine: Machine) -> None:
    machine.set_clock(30 * DAY_S)
    machine.run(HOUR_S)
    machine.reboot()
    # The new clock is trusted after an hour.
    machine.run(HOUR_S + 5 * MINUTE_S)


def booted_behind(machine: Machine) -> None:
    machine.reboot(-HOUR_S)
    machine.run(10 * MINUTE_S)
    machine.set_clock()


def booted_in_1970(machine: Machine) -> None:
    machine.reboot(-machine.true_s)
    machine.run(3 * HOUR_S)
    machine.restart()
    machine.run(MINUTE_S)
    machine.set_clock()


def booted_in_2031(machine: Machine) -> None:
    machine.reboot(4 * YEAR_S)
    machine.run(3 * HOUR_S)
    machine.set_clock()


def in_the_backlog(machine: Machine) -> None:
    machine.ahead_s = 30 * DAY_S
    machine.run(HOUR_S, is_written=False)
    machine.ahead_s = 0.0
    machine.run(HOUR_S, is_written=False)
    machine.run(MINUTE_S)


def asleep(machine: Machine) -> None:
    machine.set_clock(30 * DAY_S)
    machine.sleep(8 * HOUR_S)
    machine.run(MINUTE_S)
    machine.set_clock()
    machine.sleep(8 * HOUR_S)
    machine.run(MINUTE_S)


STORIES: tuple[Callable[[Machine], None], ...] = (
    *(forward, backward, twice, restarted, set_right_while_down, rebooted),
    *(booted_behind, booted_in_1970, booted_in_2031, in_the_backlog, asleep),
)


@pytest.mark.parametrize("tells_boot_time", [True, False])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_times_are_right_once_the_clock_is(
    path: Path, story: Callable[[Machine], None], *, tells_boot_time: bool
) -> None:
    machine = Machine(path, tells_boot_time=tells_boot_time)
    machine.run(HOUR_S)

    story(machine)

    assert max(map(abs, machine.errors_s())) < 1.0
    events, samples = machine.read()
    assert [event.time_ms for event in events] == sorted(event.time_ms for event in events)
    assert len(events) > 60
    assert len(samples) > 10


@pytest.mark.parametrize("ahead_s", [2 * HOUR_S, 4 * YEAR_S, -BEGIN_S])
def test_the_first_boot_of_all_may_be_wrong(path: Path, ahead_s: float) -> None:
    machine = Machine(path, ahead_s)
    machine.run(HOUR_S)

    machine.set_clock()

    assert max(map(abs, machine.errors_s())) < 1.0


def test_retention_goes_on_by_the_right_times(path: Path) -> None:
    machine = Machine(path, keep_s=10 * DAY_S)
    machine.run(9 * DAY_S, HOUR_S)
    machine.set_clock(4 * YEAR_S)
    machine.run(3 * HOUR_S, HOUR_S)
    machine.set_clock()

    machine.run(3 * DAY_S, HOUR_S)

    assert max(map(abs, machine.errors_s())) < 1.0
    for rows in machine.read():
        ages_s = [machine.true_s - row.time_ms / 1_000 for row in rows]
        # The clock was years ahead for three hours, and cost no more than as many days.
        assert 8 * DAY_S < max(ages_s) <= 10 * DAY_S + 2 * HOUR_S
        assert sum(age < 2 * DAY_S for age in ages_s) == 48


def test_a_correction_is_reported_with_its_amount(path: Path) -> None:
    machine = Machine(path, 2 * HOUR_S)
    reported: list[eras.Correction] = []
    machine.file.on_corrected = reported.extend
    machine.run(HOUR_S)
    assert reported == []

    machine.set_clock()

    begin_ms = round((BEGIN_S + MINUTE_S) * 1_000)
    assert reported == [eras.Correction(round(-2 * HOUR_S * 1_000), begin_ms)]


def test_milliseconds_are_no_correction(path: Path) -> None:
    machine = Machine(path)
    machine.run(MINUTE_S)
    machine.ahead_s = -0.002
    machine.restart()
    reported: list[eras.Correction] = []
    machine.file.on_corrected = reported.extend

    machine.run(MINUTE_S)

    assert reported == []


@pytest.mark.parametrize("column", ["begin_ms", "boot", "boot_s", "wall_ms", "mono_ms", "last_ms"])
def test_a_damaged_era_keeps_nothing_from_being_recorded(path: Path, column: str) -> None:
    machine = Machine(path)
    machine.run(10 * MINUTE_S)
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute(f"UPDATE eras SET {column} = 'x' WHERE id > 0")
    machine.restart()

    machine.run(10 * MINUTE_S)
    machine.set_clock(DAY_S)

    with closing(sqlite3.connect(path)) as opened:
        assert opened.execute("SELECT count(*) FROM event_rows").fetchone() == (21,)
    assert machine.read()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE event_rows SET after_ms = 'x' WHERE id = 3",
        "INSERT INTO lag_recent (pair, era, after_ms, verdict) VALUES (1, 1, x'00', 1)",
        "UPDATE eras SET boot = 9223372036854775807 WHERE id > 0",
    ],
)
def test_a_damaged_time_keeps_nothing_from_being_recorded(path: Path, damage: str) -> None:
    machine = Machine(path)
    machine.run(10 * MINUTE_S)
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute(damage)
    machine.restart()

    machine.run(10 * MINUTE_S)

    with closing(sqlite3.connect(path)) as opened:
        assert opened.execute("SELECT count(*) FROM event_rows").fetchone() == (20,)


def test_a_small_step_begins_no_era(path: Path) -> None:
    machine = Machine(path)
    machine.run(HOUR_S)
    era, _ = machine.eras.date()

    machine.ahead_s = 0.9

    assert machine.eras.date()[0] is era
    machine.ahead_s = 1.1
    assert machine.eras.date()[0].number == era.number + 1
