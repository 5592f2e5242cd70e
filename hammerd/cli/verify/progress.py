"""Shows how far a verification is: a bar on a terminal, elsewhere a line each minute."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hammerd.cli.output.numbers import show_bytes, show_count, show_period, show_rate
from hammerd.cli.output.text import print_to_stderr

if TYPE_CHECKING:
    pass

LINE_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class State:
    """The progress of a verification; `total_bytes` is None until the tree was counted."""

    entries: int
    done_bytes: int
    total_bytes: int | None
    differences: int
    rate_bytes_per_s: float

    def __str__(self) -> str:
        of_total = "" if self.total_bytes is None else f" of {show_bytes(self.total_bytes)}"
        words = [
            f"{self.entries:,} entries",
            f"{show_bytes(self.done_bytes)}{of_total}",
            show_rate(self.rate_bytes_per_s),
        ]
        if (eta_s := self.eta_s) is not None:
            words.append(f"{show_period(eta_s)} to go")
        if self.differences:
            words.append(show_count(self.differences, "difference"))
        return ", ".join(words)

    @property
    def eta_s(self) -> float | None:
        """The seconds to the end at this rate, None if unknown."""
        if self.total_bytes is None or self.rate_bytes_per_s <= 0:
            return None
        return max(0, self.total_bytes - self.done_bytes) / self.rate_bytes_per_s


class Display(Protocol):
    """Shows states as they come, for a pair."""

    def show(self, state: State) -> None:
        """Show a state, if it is time to."""

    def close(self) -> None:
        """Remove what is shown only while it lasts."""


class LineDisplay:
    """Prints a line to stderr now and then."""

    def __init__(self, pair: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._pair = pair
        self._clock = clock
        self._due_at = clock() + LINE_EVERY_S

    def show(self, state: State) -> None:
        """Print a state each minute."""
        if self._clock() >= self._due_at:
            self._due_at = self._clock() + LINE_EVERY_S
            print_to_stderr(f"{self._pair}: {state}")

    def close(self) -> None:
        """Do nothing: lines stay."""


class BarDisplay:
    """Draws a bar on the terminal that is stderr."""

    def __init__(self, pair: str) -> None:
        # Imported only here: a script and the daemon need no bar.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[text]}"),
        )
        console = Console(stderr=True)
        self._bar: Progress = Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task(pair, total=None, text="")
        self._bar.start()

    def show(self, state: State) -> None:
        """Redraw the bar, at a pace that rich chooses."""
        self._bar.update(
            self._task, total=state.total_bytes, completed=state.done_bytes, text=str(state)
        )

    def close(self) -> None:
        """Remove the bar."""
        self._bar.stop()


def make_display(pair: str) -> Display:
    """Return the display that fits stderr."""
    return BarDisplay(pair) if sys.stderr.isatty() else LineDisplay(pair)
