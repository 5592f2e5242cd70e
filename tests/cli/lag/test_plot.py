"""Plot of a lag in the terminal."""

import sys
import types

import pytest

from hammerd.cli.lag.past import Past
from hammerd.cli.lag.plot import load_plotter, plot_lines
from hammerd.cli.lag.table import Look
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.lag_report.course import Course
from hammerd.core.lag_report.marks import Mark, MarkKind
from hammerd.core.lag_report.summary import summarize
from tests.core.lag_report.courses import at, period, stretch

END = 3_600


def past(course: Course, *marks: Mark, warning_s: float | None = None) -> Past:
    whole = period(0, END)
    return Past(
        "home", whole, summarize(course, whole), warning_s=warning_s, course=course, marks=marks
    )


def drawn(shown: Past, width: int = 80, *, is_ascii: bool = False, has_colours: bool = False):
    look = Look(at(END), has_daemon=True, width=width, is_ascii=is_ascii)
    return plot_lines(shown, look, load_plotter(), has_colours=has_colours)


COURSE = [
    stretch(0, 1_200, 0.0),
    stretch(1_200, 1_800, 590.0),
    stretch(2_400, 3_000, None),
    stretch(3_000, 3_600, 10.0),
]
MARKS = (
    Mark(MarkKind.PAUSED, at(600), at(1_800)),
    Mark(MarkKind.RESTART, at(3_300), at(3_300), "half_died"),
)


def test_a_plot_shows_the_course_and_its_marks():
    lines = drawn(past(COURSE, *MARKS, warning_s=300.0))

    words = " ".join(lines).replace("┤", " ").replace("├", " ").split()
    assert [word for word in words if word in {"10m00s", "5m00s", "0s"}][:3] == [
        *("10m00s", "5m00s", "0s"),
    ]
    assert "08:00" in lines[-4]
    assert "09:00" in lines[-4]
    assert lines[-3:] == [
        "  A paused",
        "  B stream restarted",
        "  horizontal line: lag_warning, 5m00s",
    ]
    top = next(line for line in lines if "A" in line)
    # The pause lasted a third of the hour.
    assert 18 <= top.count("A") <= 26
    assert top.count("B") == 1
    assert max(map(len, lines)) <= 80


def test_nothing_is_drawn_where_nothing_is_known():
    lines = drawn(past(COURSE))

    plot = [line[7:-1] for line in lines if line.endswith(("│", "┤"))]
    is_drawn = [any("\u2800" < line[at_] <= "\u28ff" for line in plot) for at_ in range(70)]
    # From 08:30 to 08:50 there are no samples, or the lag is unknown.
    assert not any(is_drawn[38:56])
    assert all(is_drawn[:20])
    assert all(is_drawn[62:])


@pytest.mark.parametrize("width", [1, 40, 200])
def test_a_plot_fits_its_terminal(width: int):
    lines = drawn(past(COURSE, *MARKS), width)

    assert max(map(len, lines)) <= max(30, width)


def test_a_plot_in_ascii_has_no_other_character():
    assert "".join(drawn(past(COURSE, *MARKS, warning_s=300.0), is_ascii=True)).isascii()


@pytest.mark.parametrize("has_colours", [True, False])
def test_colours_are_only_for_terminals(has_colours: bool):
    text = "".join(drawn(past(COURSE, *MARKS), has_colours=has_colours))

    assert ("\x1b[" in text) == has_colours


def test_an_empty_past_is_plotted_too():
    assert drawn(past([]))


def test_a_missing_plotext_is_named_with_the_way_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotext", None)

    with pytest.raises(CommandFailed, match="--plot needs plotext") as failed:
        load_plotter()

    assert failed.value.hint == "install it: pip install 'plotext>=5.2,<6'"


def test_plotext_6_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotext", types.ModuleType("plotext"))

    with pytest.raises(CommandFailed, match="has another interface"):
        load_plotter()
