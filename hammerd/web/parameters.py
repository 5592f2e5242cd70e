"""Reads the parameters of requests; each fault becomes an answer with status 400 or 404."""

import math
from dataclasses import dataclass, field

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse

from hammerd.core.config.model import LogLevel

MOST_POINTS, MOST_EVENTS = 5_000, 1_000
POINTS, EVENTS = 600, 200
LONGEST_TEXT = 512
LATEST_S = 253_402_300_799.0
"""The end of the calendar."""

LEVELS = tuple(level.value for level in LogLevel)


class BadRequest(Exception):  # noqa: N818 - what the answer says
    """A request that cannot be answered; `status` is that of HTTP."""

    def __init__(self, message: str, hint: str = "", status: int = 400) -> None:
        super().__init__(message)
        self.hint = hint
        self.status = status

    def response(self) -> JSONResponse:
        """Return the answer."""
        return error_response(self.status, str(self), self.hint)


def error_response(status: int, message: str, hint: str = "") -> JSONResponse:
    """Return an answer that tells what is wrong."""
    return JSONResponse({"error": message, "hint": hint or None}, status)


@dataclass(slots=True)
class Parameters:
    """The parameters of a request; each may be given once, and those not asked for are refused."""

    given: QueryParams
    asked: set[str] = field(default_factory=set)

    def text(self, name: str) -> str | None:
        """Return a parameter as it is, None if it is not given."""
        self.asked.add(name)
        values = self.given.getlist(name)
        if len(values) > 1:
            raise BadRequest(f"{name} is given {len(values)} times")
        if not values:
            return None
        if len(values[0]) > LONGEST_TEXT:
            raise BadRequest(f"{name} is longer than {LONGEST_TEXT} characters")
        return values[0]

    def seconds(self, name: str, default: float) -> float:
        """Return a time in seconds of Unix time."""
        text = self.text(name)
        try:
            # float() takes digits of other scripts, too.
            value = default if text is None else float(text if text.isascii() else "")
        except ValueError:
            value = math.nan
        if not 0 <= value <= LATEST_S:
            raise BadRequest(f"{name} is no time", "seconds since 1970, as 1795737600")
        return value

    def count(self, name: str, default: int, most: int) -> int:
        """Return a whole number from 1 on."""
        text = self.text(name)
        if text is None:
            return default
        # isdecimal() takes digits of other scripts, which int() reads, too.
        value = int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else 0
        if not 1 <= value <= most:
            raise BadRequest(f"{name} is no whole number from 1 to {most}")
        return value

    def word(self, name: str, words: tuple[str, ...]) -> str | None:
        """Return one of some words."""
        text = self.text(name)
        if text is not None and text not in words:
            raise BadRequest(f"{name} is none of {', '.join(words)}")
        return text

    def refuse_others(self) -> None:
        """Refuse parameters that nobody asked for: most often they are misspelt."""
        if unknown := set(self.given.keys()) - self.asked:
            count = f"{len(unknown)} unknown parameter{'s' * (len(unknown) > 1)}"
            raise BadRequest(count, f"known: {', '.join(sorted(self.asked))}")
