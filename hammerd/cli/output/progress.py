"""Shows how much of a long work is done: a bar on a terminal, else a line now and then."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from hammerd.cli.output.numbers import show_bar
from hammerd.cli.output.text import print_text

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

LINE_EVERY_S = 10.0
"""The time between two lines, where there is no terminal."""


class ProgressBar:
    """The progress of one work, shown while the `with` block runs."""

    def __init__(self, indent: str = "") -> None:
        self._indent = indent
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._shown_at: float | None = None
        self._shown = self._unshown = ""

    def __enter__(self) -> Self:
        """Begin to show."""
        if sys.stdout.isatty():
            self._bar = _terminal_bar(self._indent)
            self._task = self._bar.add_task("", total=None, told="")
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show the last state, and end."""
        if self._bar is not None:
            self._bar.stop()
        elif self._unshown:
            print_text(self._unshown)

    def update(self, share: float | None, told: str) -> None:
        """Show a share of 1 that is done, None if it is not known, and a few words about it."""
        if self._bar is not None and self._task is not None:
            total = None if share is None else 1.0
            self._bar.update(self._task, total=total, completed=share or 0.0, told=told)
            return
        words = ([] if share is None else [show_bar(share)]) + ([told] if told else [])
        if not words:
            return
        text = self._indent + ", ".join(words)
        if text == self._shown:
            self._unshown = ""
            return
        self._unshown, now = text, time.monotonic()
        if self._shown_at is None or now - self._shown_at >= LINE_EVERY_S:
            print_text(text)
            self._shown_at, self._shown, self._unshown = now, text, ""


def _terminal_bar(indent: str) -> "RichProgress":
    # Imported only here: without a terminal nothing is drawn.
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    told = TextColumn("{task.fields[told]}", markup=False)
    return Progress(TextColumn(indent, markup=False), BarColumn(), TaskProgressColumn(), told)
