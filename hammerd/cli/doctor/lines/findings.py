"""Defines the lines of the doctor, and a way: lines of which each needs those before it.

    ok          as it must be
    bad         a fault, with what to do
    not_tried   no fault: a line before it is bad, or the check needs more rights than we have

On a way the first bad line names the fault. The lines after it would only repeat it, so they are
not tried.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of one check."""

    OK = "ok"
    BAD = "bad"
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of a check, what was found, and what to do about it.

    `ends_way`: what follows on the way cannot be tried.
    """

    outcome: Outcome
    what: str
    hint: str = ""
    ends_way: bool = False


def ok(what: str) -> Finding:
    """Return the finding that all is as it must be."""
    return Finding(Outcome.OK, what)


def bad(what: str, hint: str, *, ends_way: bool = True) -> Finding:
    """Return the finding of a fault."""
    return Finding(Outcome.BAD, what, hint, ends_way)


def not_tried(why: str, *, ends_way: bool = False) -> Finding:
    """Return the finding that nothing was tried, and why."""
    return Finding(Outcome.NOT_TRIED, why, ends_way=ends_way)


NEEDS_ROOT = "needs root"
NEEDS_OPEN_KEY = "the key may not run this over there"


@dataclass(frozen=True, slots=True)
class Line:
    """A check and its finding; `end` is `master` or `slave`, or empty."""

    check: str
    end: str
    finding: Finding

    @property
    def label(self) -> str:
        """The name of the line within its block."""
        return f"{self.end} {self.check}".lstrip()


@dataclass(frozen=True, slots=True)
class Block:
    """The lines about one host or one pair; one of `host` and `pair` is empty."""

    title: str
    host: str
    pair: str
    lines: tuple[Line, ...]


Find = Callable[[], Finding]


@dataclass(slots=True)
class Way:
    """The lines so far; `ended_by` is the line after which nothing more can be tried."""

    ended_by: str = ""
    lines: list[Line] = field(default_factory=list)

    def step(self, check: str, find: Find, end: str = "") -> None:
        """Add a check that needs all before it."""
        if self.ended_by:
            self.lines.append(Line(check, end, not_tried(f"see {self.ended_by}")))
            return
        line = Line(check, end, find())
        self.lines.append(line)
        if line.finding.ends_way:
            self.ended_by = line.label

    def branch(self, check: str, find: Find, end: str = "") -> None:
        """Add a check that needs all before it, and on which nothing depends."""
        ended_by = self.ended_by
        self.step(check, find, end)
        self.ended_by = ended_by

    def aside(self, check: str, find: Find, end: str = "") -> None:
        """Add a check on which nothing depends, and which depends on nothing."""
        self.lines.append(Line(check, end, find()))

    def block(self, title: str, *, host: str = "", pair: str = "") -> Block:
        """Return the lines under a title."""
        return Block(title, host, pair, tuple(self.lines))
