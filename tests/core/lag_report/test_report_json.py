"""JSON of reports, as programs of others read it."""

from hammerd.core.lag_report.marks import Mark, MarkKind
from hammerd.core.lag_report.report_json import chart_json, json_time, mark_json
from hammerd.core.lag_report.summary import summarize
from tests.core.lag_report.courses import at, period, stretch

EIGHT_S = 1_800_000_000


def test_a_chart_has_a_point_for_each_bucket():
    course = [stretch(0, 30, 2.0), stretch(30, 60, 8.0), stretch(60, 90, None)]
    marks = [
        Mark(MarkKind.PAUSED, at(-60), at(20), "pause"),
        Mark(MarkKind.BULK, at(20), at(120), "", True),
    ]
    whole = period(0, 120)

    chart = chart_json(course, whole, 2, marks, summarize(course, whole, warning_s=5.0))

    assert chart == {
        "since": EIGHT_S,
        "until": EIGHT_S + 120,
        "step_s": 60,
        "times": [EIGHT_S, EIGHT_S + 60],
        "max_s": [8.0, None],
        "min_s": [2.0, None],
        "marks": [
            {"time": EIGHT_S - 60, "until": EIGHT_S + 20, "kind": "paused", "text": "pause"},
            {"time": EIGHT_S + 20, "until": None, "kind": "bulk", "text": ""},
        ],
        "summary": {
            "period_s": 120.0,
            "known_s": 60.0,
            "unknown_s": 30.0,
            "diverged_s": 0.0,
            "no_data_s": 30.0,
            "in_sync_s": 0.0,
            "within_warning_s": 30.0,
            "in_sync_share": 0.0,
            "within_warning_share": 0.333333,
            "unknown_share": 0.333333,
            "no_data_share": 0.25,
            "min_s": 2.0,
            "median_s": 2.0,
            "p95_s": 8.0,
            "max_s": 8.0,
            "max_time": "2027-01-15T08:00:30.000Z",
        },
    }


def test_a_mark_that_goes_on_has_no_end():
    mark = Mark(MarkKind.PARKED, at(0), at(60), "diverged", is_open=True)

    assert mark_json(mark) == {
        "kind": "parked",
        "time": "2027-01-15T08:00:00.000Z",
        "end_time": None,
        "text": "diverged",
    }


def test_a_time_outside_of_the_calendar_is_its_limit():
    assert json_time(-1) == "1970-01-01T00:00:00.000Z"
    assert json_time(1 << 62).startswith("9999-12-31")
