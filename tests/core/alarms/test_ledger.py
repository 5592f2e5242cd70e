"""Looks in a row raise, change, repeat and end alarms."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerd.core.alarms.findings import DAEMON, Finding, Look
from hammerd.core.alarms.ledger import (
    DAY_S,
    FLAP_S,
    Change,
    Kind,
    Ledger,
    acknowledged,
    look,
)
from hammerd.core.config.model import AlarmLevel, NotifyConfig

EVERY_S = 30.0
CONFIG = NotifyConfig(after=3, repeat_every_s=DAY_S)

LOOKS = {
    ".": Look.GOOD,
    "?": Look.UNKNOWN,
    "~": Look.LATE,
    "-": Look.SILENT,
    "w": Look.WARNING,
    "c": Look.CRITICAL,
    "p": Look.CRITICAL,
    "q": Look.WARNING,
}
"""A look by its letter: `p` is a parked pair, `q` one with a complaint of damage."""

PERSONS = {"p": {"diverged": "decide"}, "q": {"data_damaged": "look at the disk"}}

TOLD = {
    Kind.WARNING: "W",
    Kind.CRITICAL: "C",
    Kind.RECOVERED: "R",
    Kind.REMINDER: "M",
}
"""What is told by its letter; `E`: an alarm eases from critical to a warning."""


def finding(name: str, letter: str, because: str = "link_lost", host: str = "") -> Finding:
    return Finding(name, LOOKS[letter], because, "", host, PERSONS.get(letter, {}))


def letter_of(change: Change) -> str:
    return "E" if change.is_easing else TOLD[change.kind]


def play(looks: str, config: NotifyConfig = CONFIG, ledger: Ledger | None = None) -> str:
    """Return a letter for each look: what was told then, `.` for nothing."""
    return played({"home": looks}, config, ledger)["home"]


def played(
    stories: Mapping[str, str], config: NotifyConfig = CONFIG, ledger: Ledger | None = None
) -> dict[str, str]:
    ledger, told = ledger or {}, dict.fromkeys(stories, "")
    for number in range(max(map(len, stories.values()))):
        findings = {name: finding(name, looks[number]) for name, looks in stories.items()}
        looked = look(ledger, findings, config, number * EVERY_S)
        ledger = looked.ledger
        by_name = {change.finding.subject: letter_of(change) for change in looked.changes}
        told = {name: text + by_name.get(name, ".") for name, text in told.items()}
    return told


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        ("www", "..W"),
        ("ww.ww.ww", "........"),
        ("wwww", "..W."),
        ("www...", "..W..R"),
        ("www..w...", "..W.....R"),
        ("wwwccc", "..W..C"),
        ("wwwccwcc", "..W....."),
        ("wwc", "..C"),
        ("cccwww", "..C..E"),
        ("cccwwc", "..C..."),
        ("ccc...", "..C..R"),
        ("cccwww...", "..C..E..R"),
        ("p", "C"),
        ("q", "W"),
        ("pp", "C."),
        ("cccp", "..CC"),
        ("wwwq", "..WW"),
        ("qwwq", "W..."),
        ("~~~~", "...."),
        ("ww~w", "...."),
        ("www~~~...", "..W.....R"),
        ("ccc~~~", "..C..E"),
        ("????", "...."),
        ("www?.?.?.", "..W.....R"),
        ("www---...", "..W.....R"),
        ("www---www", "..W......"),
        ("ww-www", ".....W"),
        ("---p", "...C"),
        ("-" * 9, "." * 9),
    ],
)
def test_what_a_row_of_looks_tells(looks: str, told: str) -> None:
    assert play(looks) == told


def test_alarm_soon_after_a_recovery_recovers_later_each_time() -> None:
    first, second, third = "www...", "www......", "www" + "." * 12

    assert play(first + second + third) == "..W..R" + "..W.....R" + "..W" + "." * 11 + "R"


def test_alarm_long_after_a_recovery_is_no_flap() -> None:
    quiet = "." * int(FLAP_S / EVERY_S)

    assert play("www..." + quiet + "www...").endswith("..W..R")


def test_flapping_pair_is_told_ever_more_rarely() -> None:
    told = play("www..." * 200)

    assert told.count("W") + told.count("R") < 10


def test_after_one_a_single_look_is_told() -> None:
    assert play("w.c.", NotifyConfig(after=1)) == "WRC."


# --- reminders ---------------------------------------------------------------------------------

OFTEN = NotifyConfig(after=1, repeat_every_s=5 * EVERY_S)


def test_alarm_that_lasts_is_repeated() -> None:
    assert play("w" * 12, OFTEN) == "W....M....M."


def test_late_pair_that_catches_up_is_still_repeated() -> None:
    assert play("w" + "~" * 6, OFTEN) == "W....M."


def test_nothing_is_repeated_while_the_pair_is_silent_or_good() -> None:
    assert play("w----------w", OFTEN) == "W..........M"
    assert play("cww" + "." * 6, NotifyConfig(after=9, repeat_every_s=30.0)) == "." * 9


def test_old_alarm_is_repeated_once_a_day() -> None:
    ledger = look({}, {"home": finding("home", "w")}, OFTEN, 0.0).ledger
    told = []
    for hour in range(1, 24 * 3 + 1):
        looked = look(ledger, {"home": finding("home", "w")}, OFTEN, hour * 3600.0)
        ledger = looked.ledger
        told += [hour for _ in looked.changes]

    assert told == [*range(1, 24), 47, 71]


def test_acknowledged_alarm_is_not_repeated_but_worse_and_recovery_are_told() -> None:
    raised = look({}, {"home": finding("home", "w")}, OFTEN, 0.0).ledger
    ledger = acknowledged(raised, "home")

    assert play("w" * 12, OFTEN, ledger) == "." * 12
    assert play("wc", OFTEN, ledger) == ".C"
    assert play("w.", OFTEN, ledger) == ".R"
    assert play("q" + "q" * 9, OFTEN, ledger) == "W....M....", "a new fault for a person"


def test_acknowledging_what_has_no_alarm_changes_nothing() -> None:
    assert acknowledged({}, "home") == {}


# --- several pairs -----------------------------------------------------------------------------


def groups(changes: tuple[Change, ...]) -> list[list[str]]:
    found: dict[object, list[str]] = {}
    for change in changes:
        found.setdefault(change.group, []).append(change.finding.subject)
    return list(found.values())


def test_pair_joins_the_alarm_of_another_with_the_same_cause() -> None:
    assert played({"a": "www.", "b": ".ww.", "c": "...."}) == {
        "a": "..W.",
        "b": "..W.",
        "c": "....",
    }


def test_pairs_recover_together() -> None:
    assert played({"a": "www...", "b": "wwww.."}) == {"a": "..W..R", "b": "..W..R"}


def test_pair_with_another_cause_waits_for_its_own_looks() -> None:
    first = {"a": finding("a", "w", "one"), "b": finding("b", "w", "two")}
    ledger = look({}, {"a": first["a"]}, CONFIG, 0.0).ledger
    ledger = look(ledger, first, CONFIG, 30.0).ledger
    looked = look(ledger, first, CONFIG, 60.0)

    assert [change.finding.subject for change in looked.changes] == ["a"]


def test_pairs_with_one_host_share_a_group_whatever_each_says() -> None:
    findings = {
        name: finding(name, "w", because, "alpha")
        for name, because in (("a", "stalled"), ("b", "ssh_timeout"), ("c", "half_died"))
    }
    findings["d"] = finding("d", "w", "stalled", "beta")
    findings["e"] = finding("e", "q", "data_damaged", "alpha")

    changes = look({}, findings, NotifyConfig(after=1), 0.0).changes
    assert groups(changes) == [["a", "b", "c"], ["d"], ["e"]]


def test_new_fault_for_a_person_is_named_though_another_one_is_worse() -> None:
    ledger = look({}, {"home": finding("home", "c", "lag")}, NotifyConfig(after=1), 0.0).ledger
    both = Finding("home", Look.CRITICAL, "lag", "", "", PERSONS["q"])

    (change,) = look(ledger, {"home": both}, NotifyConfig(after=1), 30.0).changes
    assert (change.finding.because, change.finding.hint) == ("data_damaged", "look at the disk")


def test_a_thousand_pairs_make_one_group() -> None:
    findings = {f"p{number}": finding(f"p{number}", "p") for number in range(1000)}

    (group,) = groups(look({}, findings, CONFIG, 0.0).changes)
    assert len(group) == 1000


def test_daemon_shares_no_group_with_a_pair() -> None:
    findings = {name: finding(name, "p") for name in (DAEMON, "home")}

    assert len(groups(look({}, findings, CONFIG, 0.0).changes)) == 2


def test_levels_of_changes_are_the_worst_that_was_told() -> None:
    ledger: Ledger = {}
    levels = []
    for number, letter in enumerate("wcw."):
        findings = {"home": finding("home", letter)}
        looked = look(ledger, findings, NotifyConfig(after=1), number * EVERY_S)
        ledger = looked.ledger
        levels += [(letter_of(change), change.level) for change in looked.changes]

    assert levels == [
        ("W", AlarmLevel.WARNING),
        ("C", AlarmLevel.CRITICAL),
        ("E", AlarmLevel.CRITICAL),
        ("R", AlarmLevel.CRITICAL),
    ]


def test_alarm_of_a_pair_that_left_the_config_ends() -> None:
    ledger = look({}, {"home": finding("home", "p")}, CONFIG, 0.0).ledger
    looked = look(ledger, {}, CONFIG, 30.0)

    (change,) = looked.changes
    assert (change.kind, change.is_removed, looked.ledger) == (Kind.RECOVERED, True, {})


@given(st.text("".join(LOOKS), max_size=60))
@settings(deadline=None)
def test_what_is_told_is_in_order(looks: str) -> None:
    told = play(looks, NotifyConfig(after=2, repeat_every_s=4 * EVERY_S))

    level = ""
    for letter, shown in zip(told, looks, strict=True):
        if letter == ".":
            continue
        assert shown != "-", "a silent look tells nothing"
        assert (letter == "R") <= (level != "" and shown == "."), "only an alarm recovers"
        assert (letter in "ME") <= (level != ""), "only an alarm is repeated or eases"
        assert (letter == "E") <= (level == "C")
        level = {"R": "", "E": "W", "M": level}.get(letter, letter)


@given(st.text("".join(LOOKS), max_size=30))
@settings(max_examples=40, deadline=None)
def test_alarm_ends_after_enough_good_looks(looks: str) -> None:
    assert play(looks + "." * 200).rstrip(".")[-1:] in ("", "R")
