"""Plots the lag of a pair in the terminal, with marks: lines at moments, a row over each span.

plotext 5 is imported only here. It is pure Python; version 6 has another interface, and a part in
C++, which most BSDs would have to compile.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from itertools import groupby
from typing import Protocol, cast

from hammerd.cli.lag.past import Past, drawn_period
from hammerd.cli.lag.table import Look
from hammerd.cli.lag.words import MARK_WORDS
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.numbers import show_period
from hammerd.cli.output.times import moment_of
from hammerd.core.exit_codes import Exit
from hammerd.core.lag_report.buckets import Bucket, buckets_of, worst
from hammerd.core.lag_report.course import DAY_MS, Period
from hammerd.core.lag_report.marks import Mark, MarkKind

LEAST_HEIGHT, MOST_HEIGHT, LEAST_WIDTH = 12, 24, 30
LEAST_TOP_S = 60.0
"""The least upper end of the scale, so that a slave in sync is a flat line."""

UNPLOTTED = frozenset({MarkKind.DAEMON_STARTED, MarkKind.TURN, MarkKind.VERIFY})
COLOURS = {
    **dict.fromkeys((MarkKind.PARKED, MarkKind.DAEMON_DOWN, MarkKind.ROLLBACK), "red"),
    **dict.fromkeys((MarkKind.LINK_DOWN, MarkKind.SLAVE_FULL, MarkKind.WAITING), "orange"),
    **dict.fromkeys((MarkKind.PAUSED, MarkKind.HELD, MarkKind.PROMOTED), "blue"),
    MarkKind.BULK: "green",
    MarkKind.RESTART: "magenta",
}
_IMPORTANCE = {kind: place for place, kind in enumerate(MarkKind)}
OTHER_COLOUR = "cyan"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
STEPS_S = (15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)
MOST_STEPS = 5
_PACKAGE = "plotext"
_HINT = "install it: pip install 'plotext>=5.2,<6'"


class Plotter(Protocol):
    """The functions of plotext 5 that are used; they draw on one figure of the process."""

    def clear_figure(self) -> None:
        """Begin a new figure."""

    def theme(self, name: str) -> None:
        """Choose the colours of the figure."""

    def plotsize(self, width: int, height: int) -> None:
        """Set the size of the figure in characters."""

    def plot(self, x: Sequence[float], y: Sequence[float], *, marker: str, color: str) -> None:
        """Add a curve."""

    def vline(self, coordinate: float, color: str) -> None:
        """Add a vertical line."""

    def hline(self, coordinate: float, color: str) -> None:
        """Add a horizontal line."""

    def xlim(self, left: float, right: float) -> None:
        """Set the ends of the horizontal axis."""

    def ylim(self, lower: float, upper: float) -> None:
        """Set the ends of the vertical axis."""

    def xticks(self, ticks: Sequence[float], labels: Sequence[str]) -> None:
        """Set the labels of the horizontal axis."""

    def yticks(self, ticks: Sequence[float], labels: Sequence[str]) -> None:
        """Set the labels of the vertical axis."""

    def build(self) -> str:
        """Return the figure as text with colours."""

    def uncolorize(self, string: str) -> str:
        """Return a text without its colours."""


def load_plotter() -> Plotter:
    """Import plotext.

    Raises:
        CommandFailed: it is missing, or has another interface.
    """
    try:
        plotext = import_module(_PACKAGE)
    except ImportError as error:
        raise CommandFailed("--plot needs plotext", _HINT, code=Exit.UNAVAILABLE) from error
    if not hasattr(plotext, "plotsize"):
        version = getattr(plotext, "__version__", "6")
        reason = f"--plot needs plotext 5, and version {version} has another interface"
        raise CommandFailed(reason, _HINT, code=Exit.UNAVAILABLE)
    return cast("Plotter", plotext)


def is_coloured() -> bool:
    """Return whether stdout is a terminal whose user wants colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def plot_lines(past: Past, look: Look, plotter: Plotter, *, has_colours: bool) -> list[str]:
    """Return the plot of a pair, and a legend of its marks."""
    past = replace(past, period=drawn_period(past))
    height = min(MOST_HEIGHT, max(LEAST_HEIGHT, shutil.get_terminal_size().lines - 8))
    width = max(LEAST_WIDTH, look.width)
    # A Braille character is two points wide.
    buckets = buckets_of(past.course, past.period, 2 * width)
    since_ms = past.period.since_ms
    marks = [each for each in past.marks if each.kind not in UNPLOTTED and each.end_ms >= since_ms]
    letters = dict(zip(dict.fromkeys(each.kind for each in marks), LETTERS, strict=False))
    top_s = max(LEAST_TOP_S, 1.15 * (worst(buckets) or 0.0))
    plotter.clear_figure()
    plotter.theme("clear")
    plotter.plotsize(width, height)
    plotter.xlim(past.period.since_ms, past.period.until_ms)
    plotter.ylim(0, top_s)
    plotter.yticks(*_lag_ticks(top_s))
    plotter.xticks(*_time_ticks(past.period, look, width))
    for mark in marks:
        if mark.is_moment:
            plotter.vline(mark.begin_ms, COLOURS.get(mark.kind, OTHER_COLOUR))
    if past.warning_s is not None and past.warning_s < top_s:
        plotter.hline(past.warning_s, "orange")
    marker = "*" if look.is_ascii else "braille"
    for times, lags in _curves(buckets):
        plotter.plot(times, lags, marker=marker, color="default")
    # What is drawn last stays: a pause rather than the bulk after it.
    for mark in sorted(marks, key=lambda each: -_IMPORTANCE[each.kind]):
        ends = _ends(mark, past.period)
        plotter.plot(
            ends,
            [top_s] * 2,
            marker=letters[mark.kind],
            color=COLOURS.get(mark.kind, OTHER_COLOUR),
        )
    text = plotter.build()
    drawn = (text if has_colours else plotter.uncolorize(text)).splitlines()
    if look.is_ascii:
        drawn = [line.translate(_FRAME) for line in drawn]
    return [*(line.rstrip() for line in drawn), *_legend(letters, past, top_s)]


_FRAME = str.maketrans("┌┐└┘─│┤├┬┴┼", "++++-|||+++")


def _curves(buckets: Sequence[Bucket]) -> Iterator[tuple[list[float], list[float]]]:
    """Yield a curve for each time of known lag, so that none is drawn where nothing is known."""
    for is_known, group in groupby(buckets, key=lambda bucket: bucket.max_s is not None):
        if is_known:
            known = list(group)
            times = [(each.begin_ms + each.end_ms) / 2 for each in known]
            yield times, [each.max_s or 0.0 for each in known]


def _ends(mark: Mark, period: Period) -> tuple[float, float]:
    return max(mark.begin_ms, period.since_ms), min(mark.end_ms, period.until_ms)


def _lag_ticks(top_s: float) -> tuple[list[float], list[str]]:
    step_s = next((step for step in STEPS_S if top_s / step <= MOST_STEPS), None)
    step_s = step_s or 86_400 * -(-int(top_s) // (86_400 * MOST_STEPS))
    ticks = [float(tick) for tick in range(0, int(top_s) + 1, step_s)]
    return ticks, [show_period(tick) for tick in ticks]


def _time_ticks(period: Period, look: Look, width: int) -> tuple[list[float], list[str]]:
    form = "%H:%M" if period.length_ms <= DAY_MS else "%m-%d %H:%M"
    if period.length_ms > 7 * DAY_MS:
        form = "%Y-%m-%d"
    count = max(2, min(7, width // 16))
    step = period.length_ms / (count - 1)
    # plotext leaves out a label that reaches over the edge.
    ticks = [period.since_ms + round(step * number) for number in range(count)]
    labels = [format(moment_of(tick, look.zone), form) for tick in ticks]
    return [float(tick) for tick in ticks], labels


def _legend(letters: dict[MarkKind, str], past: Past, top_s: float) -> Iterator[str]:
    for kind, letter in letters.items():
        likely = "likely " if kind is MarkKind.CLEANUP else ""
        yield f"  {letter} {likely}{MARK_WORDS[kind]}"
    if past.warning_s is not None and past.warning_s < top_s:
        yield f"  horizontal line: lag_warning, {show_period(past.warning_s)}"
