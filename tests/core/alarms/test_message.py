"""A notification names pairs, cause and lag, and is safe as a header, a line and a variable."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerd.core.alarms.findings import DAEMON, Finding, Look
from hammerd.core.alarms.ledger import Alarm, Change, Kind
from hammerd.core.alarms.message import (
    LONGEST_VALUE,
    environment_of,
    heartbeat_message,
    message_of,
    trial_message,
)
from hammerd.core.alarms.text import LONGEST_SUMMARY, Scene, show_span
from hammerd.core.api.status_json import Json
from hammerd.core.config.model import AlarmLevel

NOW_AT = 10_000.0
W, C = AlarmLevel.WARNING, AlarmLevel.CRITICAL


def facts(name: str, lag_s: float | None = 1900.0, word: str | None = None) -> Json:
    return {
        "pair": name,
        "master": f"/m/{name}",
        "slave": f"alpha:/s/{name}",
        "state": "waiting",
        "waiting_for": "backoff",
        "lag_s": lag_s,
        "lag_unknown_because": None,
        "safe_until_time": "2026-11-26T20:00:00.000Z",
        "telling_word": word,
    }


def change(
    name: str,
    kind: Kind = Kind.CRITICAL,
    level: AlarmLevel = C,
    hint: str = "look at it",
    **more: bool,
) -> Change:
    alarm = Alarm(level, level, "link_lost", "alpha", NOW_AT - 7200, NOW_AT)
    return Change(kind, level, Finding(name, Look.CRITICAL, "link_lost", hint), alarm, **more)


def message(*changes: Change, word: str | None = None, lag_s: float | None = 1900.0) -> Json:
    names = [each.finding.subject for each in changes if each.finding.subject]
    known = {name: facts(name, lag_s, word) for name in names}
    return message_of(changes, Scene("near.example", NOW_AT, lambda at: f"t{at:.0f}", known))


@pytest.mark.parametrize(
    ("changes", "summary"),
    [
        ([change("home")], "critical: home, link_lost, lag 31m"),
        ([change("a"), change("b")], "critical: 2 pairs with alpha, link_lost, lag 31m"),
        ([change("home", Kind.RECOVERED)], "recovered: home, after 2h"),
        ([change("home", Kind.REMINDER)], "still critical: home, link_lost, for 2h, lag 31m"),
        (
            [change("home", Kind.WARNING, is_easing=True)],
            "warning, no longer critical: home, link_lost, lag 31m",
        ),
        (
            [change("home", Kind.RECOVERED, is_removed=True)],
            "alarm ends, no longer supervised: home, after 2h",
        ),
        ([change(DAEMON, Kind.WARNING, W)], "warning: hammerd itself, link_lost"),
    ],
)
def test_summary(changes: list[Change], summary: str) -> None:
    assert message(*changes)["summary"] == summary


def test_message_has_the_facts_of_its_pairs() -> None:
    found = message(change("a"), change("b", hint="another hint"), change("c"))

    assert {
        key: found[key] for key in ("kind", "level", "because", "hint", "host", "far_host")
    } == {
        "kind": "critical",
        "level": "critical",
        "because": "link_lost",
        "hint": "look at it",
        "host": "near.example",
        "far_host": "alpha",
    }
    assert (found["lag_s"], found["safe_until_time"]) == (1900.0, "2026-11-26T20:00:00.000Z")
    pairs = found["pairs"]
    assert isinstance(pairs, list)
    assert [(one["pair"], one["alarm_level"], one["alarm_since_time"]) for one in pairs] == [
        ("a", "critical", "t2800"),
        ("b", "critical", "t2800"),
        ("c", "critical", "t2800"),
    ]
    text = str(found["text"])
    assert text.count("hint: look at it") == text.count("hint: another hint") == 1
    assert text.endswith('"hammerd ack PAIR"\nends the reminders\n')


def test_hint_that_is_why_the_lag_is_unknown_is_told_once() -> None:
    known = {"home": {**facts("home", None), "lag_unknown_because": "the slave is a master"}}
    scene = Scene("near.example", NOW_AT, lambda at: f"t{at:.0f}", known)

    text = str(message_of([change("home", hint="the slave is a master")], scene)["text"])
    other = str(message_of([change("home")], scene)["text"])

    assert text.count("the slave is a master") == 1
    assert "lag: unknown (the slave is a master)" in other


def test_text_of_a_thousand_pairs_lists_some_and_counts_the_others() -> None:
    found = message(*(change(f"pair{number}") for number in range(1000)))

    assert str(found["text"]).count("cause:") == 20
    assert "and 980 more pairs" in str(found["text"])
    env = environment_of(found)
    assert len(env["HAMMERD_PAIRS"]) <= LONGEST_VALUE
    assert env["HAMMERD_PAIRS"].endswith(" ...")
    assert set(env["HAMMERD_PAIRS"].split()[:-1]) <= {f"pair{number}" for number in range(1000)}
    assert len(json.dumps(found)) < 1 << 20


def test_unknown_facts_are_empty_variables() -> None:
    env = environment_of(message(change("home"), lag_s=None))

    assert env["HAMMERD_LAG_S"] == ""
    assert environment_of(heartbeat_message("h", "t"))["HAMMERD_PAIRS"] == ""


@given(st.text(max_size=600), st.text(max_size=600))
@settings(deadline=None)
def test_no_text_breaks_a_line_a_header_or_an_environment(hint: str, word: str) -> None:
    found = message(change("home", hint=hint), word=word)
    values = environment_of(found).values()

    assert all(value.isprintable() and len(value) <= LONGEST_VALUE for value in values)
    assert len(str(found["summary"])) <= LONGEST_SUMMARY
    assert all(line.isprintable() for line in str(found["text"]).split("\n"))


def test_bytes_that_are_no_text_are_safe() -> None:
    found = message(change("home", hint="a\udcffb\0c\nd"))

    assert environment_of(found)["HAMMERD_HINT"] == "a?b?c?d"
    saved = {**found, "because": "a\nb\0", "hint": "x" * 2 * LONGEST_VALUE}
    assert environment_of(saved)["HAMMERD_BECAUSE"] == "a?b?"
    assert len(environment_of(saved)["HAMMERD_HINT"]) == LONGEST_VALUE


def test_trial_pretends_its_kind() -> None:
    found = trial_message(Kind.CRITICAL, [{"pair": "home"}], "near", "t")

    env = environment_of(found)
    assert (env["HAMMERD_KIND"], env["HAMMERD_BECAUSE"]) == ("critical", "test")
    assert env["HAMMERD_SUMMARY"] == "test, kind critical: home"
    assert env["HAMMERD_PAIRS"] == "home"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *((0, "0s"), (59.4, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (7500, "2h5m")),
        *((86_400, "1d"), (100_000, "1d3h")),
    ],
)
def test_span(seconds: float, shown: str) -> None:
    assert show_span(seconds) == shown
