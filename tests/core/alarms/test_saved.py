"""Alarms outlive the daemon; a damaged file of them is refused."""

import json

import pytest

from hammerd.core.alarms.ledger import Alarm, Watched
from hammerd.core.alarms.saved import alarms_json, ledger_of
from hammerd.core.config.model import AlarmLevel

W, C = AlarmLevel.WARNING, AlarmLevel.CRITICAL
ALARM = Alarm(W, C, "link_lost", "alpha", 100.0, 200.0, frozenset({"x", "a"}), True)
LEDGER = {"home": Watched(ALARM, bad=7, flaps=2), "mail": Watched(good=4)}


def test_alarms_are_read_as_they_were_saved() -> None:
    saved = json.loads(json.dumps(alarms_json(LEDGER, lambda at: at + 1e9)))

    assert ledger_of(saved, lambda time: time - 1e9, 300.0) == {"home": Watched(ALARM, flaps=2)}


def test_time_in_the_future_counts_as_now() -> None:
    saved = alarms_json(LEDGER, lambda at: at)
    alarm = ledger_of(saved, lambda time: time + 1e6, 300.0)["home"].alarm

    assert alarm is not None
    assert (alarm.since_at, alarm.told_at) == (300.0, 300.0)


@pytest.mark.parametrize(
    "damage",
    [
        {"level": "info"},
        {"since": "yesterday"},
        {"told": float("nan")},
        {"persons": "x"},
        {"flaps": None},
        # No calendar has these times, and so no status could show them.
        {"since": -1e17},
        {"since": -1e308},
        {"told": 1e11},
        {"told": 0},
        {"flaps": -(10**400)},
    ],
)
def test_damaged_alarm_is_refused(damage: dict[str, object]) -> None:
    saved = alarms_json(LEDGER, lambda at: at + 1e9)
    home = saved["home"]
    assert isinstance(home, dict)

    with pytest.raises(ValueError, match="alarm"):
        ledger_of({"home": {**home, **damage}}, lambda time: time, 300.0)


@pytest.mark.parametrize("saved", [[], None, "x", {"home": []}, {"home": {}}])
def test_what_is_no_table_of_alarms_is_refused(saved: object) -> None:
    with pytest.raises(ValueError, match="alarm"):
        ledger_of(saved, lambda time: time, 300.0)
