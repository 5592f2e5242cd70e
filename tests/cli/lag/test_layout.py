"""Lines of `hammerd lag`: sparklines, words, tables, reasons and losses."""

import io
import sys

import pytest

from hammerd.cli.lag.detail import mark_lines, round_buckets
from hammerd.cli.lag.losses import loss_lines
from hammerd.cli.lag.past import Past, Reasons, drawn_period, without_samples
from hammerd.cli.lag.sparkline import LOCALE_NAMES, can_show_blocks, sparkline
from hammerd.cli.lag.table import Look, PairRow, table_lines
from hammerd.cli.lag.why import has_cleanup, reasons_of, why_lines
from hammerd.cli.lag.words import show_forecast, show_share, show_span, show_zone
from hammerd.cli.output.spans import plain_text
from hammerd.cli.output.times import Zone
from hammerd.core.lag_report.buckets import Bucket, buckets_of
from hammerd.core.lag_report.course import Period
from hammerd.core.lag_report.episodes import Cause, Episode, EpisodeKind
from hammerd.core.lag_report.forecast import Forecast, Outlook
from hammerd.core.lag_report.loss import Gap, Loss
from hammerd.core.lag_report.marks import Mark, MarkKind
from hammerd.core.lag_report.summary import summarize
from tests.core.lag_report.courses import at, period, stretch

DAY_S = 86_400


def look(width: int = 80) -> Look:
    return Look(at(3_600), has_daemon=True, width=width)


def bucket(max_s: float | None, unknown_ms: int = 0) -> Bucket:
    return Bucket(0, 1, max_s, max_s, unknown_ms, 1)


def test_a_sparkline_has_the_scale_of_the_greatest_lag():
    buckets = [*map(bucket, (0.0, 74.0, 300.0, 600.0, None)), bucket(None, 1)]

    assert sparkline(buckets) == "▁▁▅█ ?"
    assert sparkline(buckets, is_ascii=True) == "__=# ?"


@pytest.mark.parametrize(
    ("names", "is_shown"),
    [
        ({"LC_ALL": "C.UTF-8"}, True),
        ({"LANG": "de_DE.utf8"}, True),
        ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, False),
        ({"LC_ALL": "", "LC_CTYPE": "en_US.UTF-8", "LANG": "C"}, True),
        ({"LANG": "en_US.ISO8859-1"}, False),
        ({}, False),
    ],
)
def test_blocks_are_drawn_in_a_locale_of_utf_8(monkeypatch, names: dict[str, str], is_shown: bool):
    for name in LOCALE_NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))

    assert can_show_blocks() == is_shown


def test_a_slave_in_sync_draws_a_flat_line():
    assert sparkline([bucket(0.0), bucket(7.0), bucket(2.0)]) == "▁▁▁"


@pytest.mark.parametrize(
    ("share", "wanted"),
    [
        (None, "-"),
        (0.0, "0%"),
        (0.00001, "0.01%"),
        (0.0321, "3.21%"),
        (0.5, "50%"),
        (0.9986, "99.86%"),
        (0.999999, "99.99%"),
        (1.0, "100%"),
    ],
)
def test_shares_of_0_and_100_are_exact(share: float | None, wanted: str):
    assert show_share(share) == wanted


@pytest.mark.parametrize(
    ("zone", "wanted"),
    [(None, "UTC"), ("UTC", "UTC"), ("Europe/Berlin", "CET (UTC+01:00)"), ("<-03>3", "UTC-03:00")],
)
def test_a_zone_is_named_with_its_offset(zone: str | None, wanted: str, set_zone):
    set_zone(zone or "Asia/Tokyo")

    assert show_zone(Zone.LOCAL if zone else Zone.UTC, at(0)) == wanted


def test_a_span_names_the_day_of_its_end_only_if_it_is_another():
    assert show_span(at(0), at(60), Zone.UTC) == "2027-01-15 08:00 - 08:01"
    assert show_span(at(0), at(DAY_S), Zone.UTC) == "2027-01-15 08:00 - 2027-01-16 08:00"
    assert show_span(at(0), at(1), Zone.UTC) == "2027-01-15 08:00"


@pytest.mark.parametrize(
    ("forecast", "wanted"),
    [
        (None, ""),
        (Forecast(Outlook.CATCHING_UP, 1_080.0), "catching up, 18m"),
        (Forecast(Outlook.FALLING_BEHIND), "falling behind"),
        (Forecast(Outlook.NO_PROGRESS), "no progress"),
        (Forecast(Outlook.UNKNOWN), "no forecast yet"),
    ],
)
def test_a_forecast_is_told_in_words(forecast: Forecast | None, wanted: str):
    assert show_forecast(forecast) == wanted


# --- the table of all pairs ------------------------------------------------------------------


def past(name: str, *, lag_s: float | None = 0.0) -> Past:
    course = [stretch(0, 1_800, lag_s), stretch(1_800, 3_600, 90.0)]
    whole = period(0, 3_600)
    return without_samples(Past(name, whole, summarize(course, whole, 60.0), course=course))


def table(width: int, *pasts: Past, outlook: str = "") -> list[str]:
    rows = [PairRow(each, None, outlook) for each in pasts]
    return [plain_text(line) for line in table_lines(rows, look(width))]


def test_a_wide_table_draws_the_course():
    lines = table(90, past("home"))

    assert lines == [
        "PAIR  NOW  MEDIAN    P95    MAX  AT (UTC)          WITHIN  COURSE",
        f"home    -      0s  1m30s  1m30s  2027-01-15 08:30     50%  {'▁' * 15}{'█' * 16}",
    ]


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        (78, "PAIR NOW MEDIAN P95 MAX AT (UTC) WITHIN UNKNOWN COURSE"),
        (68, "PAIR NOW MEDIAN P95 MAX AT (UTC) WITHIN UNKNOWN"),
        (60, "PAIR NOW MEDIAN MAX AT (UTC) WITHIN UNKNOWN"),
    ],
)
def test_a_narrow_table_leaves_out_what_does_not_fit(width: int, heads: str):
    lines = table(width, past("home", lag_s=None))

    assert lines[0].split() == heads.split()
    assert max(map(len, lines)) <= width


def test_what_becomes_of_a_pair_stands_below_the_table():
    assert table(80, past("home"), outlook="falling behind")[-1] == "home: falling behind"


# --- one pair --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "step", "count"),
    [(600, 60, 11), (3_600, 600, 7), (DAY_S, 10_800, 9), (30 * DAY_S, 259_200, 11)],
)
def test_a_period_is_cut_at_round_times(length: int, step: int, count: int):
    since_ms = at(100)
    until_ms = since_ms + length * 1_000
    course = [stretch(100, 100 + length)]
    whole = Period(since_ms, until_ms)

    parts = list(round_buckets(Past("home", whole, summarize(course, whole), course=course)))

    assert len(parts) == count
    assert (parts[0].since_ms, parts[-1].until_ms) == (since_ms, until_ms)
    assert {each.since_ms % (step * 1_000) for each in parts[1:]} == {0}


def test_repeated_marks_are_one_line():
    marks = [
        Mark(MarkKind.PAUSED, at(0), at(600)),
        *(Mark(MarkKind.RESTART, at(each), at(each), "half_died") for each in (900, 960, 1_020)),
        Mark(MarkKind.PARKED, at(2_000), at(3_600), "diverged", is_open=True),
    ]

    assert [plain_text(line) for line in mark_lines(marks, look())] == [
        "2027-01-15 08:00 - 08:10   paused",
        "2027-01-15 08:15 - 08:17   stream restarted (3 times): half_died",
        "2027-01-15 08:33 -         parked: diverged",
    ]


def test_many_marks_are_counted():
    kinds = (MarkKind.RESTART, MarkKind.ROLLBACK)
    marks = [Mark(kinds[each % 2], at(each * 60), at(each * 60)) for each in range(50)]

    lines = [plain_text(line) for line in mark_lines(marks, look())]

    assert lines[0] == "30 earlier marks not shown: see hammerd events"
    assert len(lines) == 21


# --- reasons and losses ----------------------------------------------------------------------


def spike(cause: Cause | None) -> Episode:
    return Episode(EpisodeKind.SPIKE, at(600), at(1_200), at(0), 600.0, at(900), cause)


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        (None, "no cause in the history"),
        (Cause(MarkKind.PAUSED, "", at(0), at(900)), "paused from 08:00 to 08:15"),
        (Cause(MarkKind.PAUSED, "", at(590), at(1_210)), "paused"),
        (
            Cause(MarkKind.PAUSED, "", at(-DAY_S), at(900)),
            "paused from 2027-01-14 08:00 to 2027-01-15 08:15",
        ),
        (
            Cause(MarkKind.PAUSED, "", at(-DAY_S), at(60 - DAY_S)),
            "paused from 2027-01-14 08:00 to 08:01",
        ),
        (
            Cause(MarkKind.PAUSED, "", at(0), at(DAY_S)),
            "paused from 08:00 to 2027-01-16 08:00",
        ),
        (
            Cause(MarkKind.RESTART, "half_died", at(60), at(60), is_likely=True),
            "likely stream restarted at 08:01: half_died",
        ),
        (
            Cause(MarkKind.CLEANUP, "6 nights", at(0), at(900), is_likely=True),
            "likely nightly hammer cleanup (6 nights)",
        ),
    ],
)
def test_a_spike_is_told_with_its_cause(cause: Cause | None, text: str):
    reasons = Reasons(60.0, [spike(cause)])
    lines = [plain_text(line) for line in why_lines(reasons, look(100))]

    assert lines == [f"2027-01-15 08:10 - 08:20   max 10m00s  {text}"]
    assert has_cleanup(reasons) == (cause is not None and cause.kind is MarkKind.CLEANUP)


@pytest.mark.parametrize(
    ("course", "has_daemon", "wanted"),
    [
        # The history is younger than the period.
        ([stretch(1_800, 3_600)], True, []),
        ([stretch(0, 1_800)], True, [None]),
        ([stretch(0, 1_800)], False, [MarkKind.DAEMON_DOWN]),
        ([stretch(0, 900), stretch(1_800, 3_600)], False, [None]),
        # A pair without a single sample.
        ([], True, [None]),
    ],
)
def test_time_without_samples_is_explained_at_its_ends(course, has_daemon: bool, wanted):
    whole = period(0, 3_600)
    one = Past("home", whole, summarize(course, whole), course=course)

    reasons = reasons_of(one, whole, has_daemon=has_daemon)

    assert [each.cause and each.cause.kind for each in reasons.episodes] == wanted


def test_without_spikes_the_limit_is_told():
    assert [plain_text(line) for line in why_lines(Reasons(60.0), look())] == [
        "no lag above 1m00s, and none that was unknown"
    ]


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (
            Loss(at(100), at(90), at(40), at(10)),
            "everything flushed by 2027-01-15 08:00:40 was safe; the writes of up to 1m00s would "
            "have been lost had the slave's host lost its power too: everything flushed by "
            "2027-01-15 08:00:10 was safe, up to 1m30s would have been lost",
        ),
        (
            Loss(at(100), gap=Gap.NO_SAMPLE),
            "unknown: the history has no sample of the week before",
        ),
        (
            Loss(at(100), at(90), gap=Gap.NOT_PROVEN),
            "unknown: the sample of 2027-01-15 08:01:30 proves nothing as safe",
        ),
        (
            Loss(at(9_000), at(90), at(40), gap=Gap.NOT_SAMPLED_THEN),
            "unknown: nobody looked then, the last sample before is of 2027-01-15 08:01:30 at "
            "that sample everything flushed by 2027-01-15 08:00:40 was safe",
        ),
    ],
)
def test_a_loss_is_told_no_better_than_it_was_proven(loss: Loss, words: str):
    lines = [plain_text(line) for line in loss_lines(loss, look())]

    assert " ".join(" ".join(lines).split()) == words


@pytest.mark.parametrize(("first", "since"), [(0, 0), (1_000, 0), (1_300, 1_300)])
def test_a_picture_begins_with_a_history_that_is_much_younger(first: int, since: int):
    course, whole = [stretch(first, 3_600)], period(0, 3_600)
    one = Past("home", whole, summarize(course, whole), course=course)

    assert drawn_period(one) == period(since, 3_600)
    assert drawn_period(Past("home", whole, summarize([], whole))) == whole


def test_a_coarse_course_keeps_the_worst_lag():
    course = [stretch(second, second + 1, float(second)) for second in range(3_600)]
    whole = period(0, 3_600)
    coarse = without_samples(Past("home", whole, summarize(course, whole), course=course))

    assert len(coarse.course) == 240
    assert buckets_of(coarse.course, whole, 60) == [
        each._replace(min_s=each.min_s + 14)
        for each in buckets_of(course, whole, 60)
        if each.min_s is not None
    ]
