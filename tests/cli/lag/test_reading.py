"""Past of pairs, as it is read from a history."""

from dataclasses import replace
from pathlib import Path

from hammerd.cli.history.queries import read_history
from hammerd.cli.lag.past import Past, Question
from hammerd.cli.lag.reading import AT_ONCE, pasts_of
from hammerd.core.api.history_schema import LagRow
from hammerd.core.lag_report.course import Period
from hammerd.daemon.history.database import HistoryFile, Rows
from tests.core.lag_report.courses import at, event, period

TID = "0x0000000100580a8f"
NAMES = [f"p{number}" for number in range(AT_ONCE + 2)]
SAMPLES = [
    LagRow(at(second), name, "behind" if lag else "unknown", 1, lag, TID, TID, 40)
    for second in range(-60, 120, 30)
    for number, name in enumerate(NAMES)
    for lag in [float(number) if second != 60 else None]
]
EVENTS = [
    event(-90, "pair.stopped", "p0", because="pause"),
    event(-80, "daemon.started", None),
    event(30, "pair.probing", "p0"),
    event(60, "pair.parked", "p1", because="diverged"),
]


def pasts(path: Path, whole: Period, *, has_rows: bool) -> list[Past]:
    question = Question(whole, {"p1": 5.0}, has_marks=True, has_rows=has_rows)
    return read_history(str(path), lambda opened: list(pasts_of(opened, NAMES, question)))


def test_a_past_without_rows_is_the_same_but_for_them(tmp_path: Path):
    HistoryFile(tmp_path / "history.db", None).write(Rows(EVENTS, SAMPLES))

    lean = pasts(tmp_path / "history.db", period(0, 90), has_rows=False)
    whole = pasts(tmp_path / "history.db", period(0, 90), has_rows=True)

    assert lean == [replace(past, rows=()) for past in whole]
    assert [past.pair for past in lean] == NAMES
    assert [row.time_ms for row in whole[3].rows] == [at(0), at(30), at(60)]
    assert (whole[3].sample_count, whole[3].unknown_count, whole[3].rows[0].safe_s) == (3, 1, 40)
    assert [past.warning_s for past in lean[:3]] == [None, 5.0, None]


def test_a_state_from_before_the_period_is_its_first_mark(tmp_path: Path):
    HistoryFile(tmp_path / "history.db", None).write(Rows(EVENTS, SAMPLES))

    first, second, *rest = pasts(tmp_path / "history.db", period(0, 90), has_rows=False)

    assert [(each.kind, each.begin_ms, each.end_ms) for each in first.marks] == [
        ("paused", at(-90), at(30))
    ]
    assert [each.kind for each in second.marks] == ["parked"]
    assert {tuple(past.marks) for past in rest} == {()}
