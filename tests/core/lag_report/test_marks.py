"""Marks beside the lag of a pair: which events make which spans and moments."""

import pytest

from hammerd.core.api.history_schema import EventRow
from hammerd.core.lag_report.marks import MARK_EVENTS, Mark, MarkKind, marks_of
from tests.core.lag_report.courses import at, event, period, stretch
from tests.paths import ROOT

END = 3_600
KILLED = "it was killed, or the machine went down"


def marks(*events: EventRow, course=()) -> list[Mark]:
    return marks_of(events, "home", period(0, END), course)


def mark(kind: str, begin: float, end: float | None = None, text: str = "") -> Mark:
    last = begin if end is None else end
    return Mark(MarkKind(kind), at(begin), at(last), text, is_open=last == END)


@pytest.mark.parametrize(
    ("events", "wanted"),
    [
        (
            [
                event(60, "pair.stopping", because="pause"),
                event(61, "pair.stopped", because="pause"),
                event(600, "pair.probing"),
            ],
            [mark("paused", 61, 600)],
        ),
        # A pause outlives the daemon, and is not logged again.
        (
            [
                event(-900, "pair.stopped", because="pause"),
                event(60, "daemon.stopped", None),
                event(120, "daemon.started", None),
            ],
            [
                mark("paused", -900, END),
                mark("daemon_down", 60, 120),
                mark("daemon_started", 120),
            ],
        ),
        (
            [
                event(0, "pair.launching", gear="bulk"),
                event(3, "pair.streaming", gear="bulk"),
                event(900, "pair.stopping", because="gear_change"),
                event(901, "pair.launching", gear="following"),
                event(902, "pair.streaming", gear="following"),
            ],
            [mark("bulk", 0, 900)],
        ),
        # A stream that is lost and replaced is a restart ...
        (
            [
                event(60, "pair.stopping", because="half_died"),
                event(61, "pair.launching", gear="following"),
                event(90, "pair.stopping", because="restart"),
                event(91, "pair.probing"),
            ],
            [mark("restart", 60, text="half_died"), mark("restart", 90, text="restart")],
        ),
        # ... and one that is lost and not replaced at once is told by what follows.
        (
            [
                event(60, "pair.stopping", because="link_silent"),
                event(61, "pair.waiting", "home", "warning", because="link_silent", failures=1),
                event(90, "pair.waiting", "home", "warning", because="connection_timed_out"),
                event(600, "pair.streaming", gear="following"),
            ],
            [mark("link_down", 61, 600, "connection_timed_out")],
        ),
        (
            [
                event(60, "pair.waiting", because="mount_missing"),
                event(90, "pair.parked", "home", "error", because="uuid_mismatch"),
            ],
            [
                mark("waiting", 60, 90, "mount_missing"),
                mark("parked", 90, END, "uuid_mismatch"),
            ],
        ),
        (
            [
                event(60, "pair.stopping", because="promote"),
                event(60, "pair.held", because="promote", plan="promote", stage="running"),
                event(61, "pair.stopped", because="promote"),
                event(70, "pair.held", because="promoted", plan="promote", stage="promoted"),
                event(600, "pair.released", because="promote", plan="promote"),
            ],
            [mark("held", 60, 600, "promote"), mark("promoted", 70, text="promote")],
        ),
        # Without a line of its end a daemon was killed: it was last seen by a sample.
        (
            [
                event(0, "pair.streaming", gear="bulk"),
                event(600, "daemon.started", None),
                event(602, "pair.streaming", gear="following"),
            ],
            [
                mark("bulk", 0, 330),
                mark("daemon_down", 330, 600, KILLED),
                mark("daemon_started", 600),
            ],
        ),
        (
            [event(400, "daemon.started", None), event(401, "pair.streaming", gear="following")],
            [mark("daemon_down", 330, 400, KILLED), mark("daemon_started", 400)],
        ),
        # Before the first start of all there was nothing.
        (
            [event(-400, "daemon.started", None), event(-9, "pair.parked", because="refused")],
            [mark("parked", -9, END, "refused")],
        ),
        (
            [event(310, "daemon.died", None, "error")],
            [mark("daemon_down", 310, END, "a fault of hammerd")],
        ),
        (
            [
                event(60, "host.unreadable", None, pairs="away home and 3 more", because="x"),
                event(70, "host.unreadable", None, pairs="other", because="y"),
                event(90, "host.read_again", None, pairs="home"),
            ],
            [mark("host_unreadable", 60, 90, "x")],
        ),
        (
            [
                event(10, "verify.started", pid=1),
                event(20, "verify.ended", status=0),
                event(30, "master.tid_went_back", "home", "warning"),
                event(40, "pair.slave_full", "home", "error"),
                event(50, "slave.turn", end="/b", before="/a"),
                event(60, "slave.tid_jumped", "home", "warning"),
            ],
            [
                mark("verify", 10, 20),
                mark("rollback", 30, text="master.tid_went_back"),
                mark("slave_full", 40, text="pair.slave_full"),
                mark("turn", 50, text="/b"),
                mark("anomaly", 60, text="slave.tid_jumped"),
            ],
        ),
        # Samples show that the daemon runs again.
        (
            [event(60, "daemon.stopped", None)],
            [Mark(MarkKind.DAEMON_DOWN, at(60), at(330))],
        ),
        # Of other pairs, other events, and what had ended before the period.
        (
            [
                event(-90, "pair.stopped", because="pause"),
                event(-60, "pair.streaming", gear="following"),
                event(10, "pair.stopped", "other", because="pause"),
                event(20, "config.reloaded", None),
                event(END, "pair.parked", "home", "error", because="diverged"),
            ],
            [],
        ),
        # A damaged row.
        ([EventRow(at(10), "home", "pair.parked", "error", "[[{")], [mark("parked", 10, END)]),
    ],
)
def test_events_make_marks(events: list[EventRow], wanted: list[Mark]):
    assert marks(*events, course=[stretch(0, 330)]) == wanted


def test_nothing_died_before_the_first_start_of_all():
    first = event(600, "daemon.started", None, pid=1)

    assert marks(first, course=[stretch(602, 900)]) == [mark("daemon_started", 600)]


def test_the_manual_lists_the_events_of_marks():
    manual = (ROOT / "docs/hammerd.8").read_text()

    assert {name for name in MARK_EVENTS if name not in manual} == set()
