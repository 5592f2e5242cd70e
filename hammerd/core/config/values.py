"""Reads single config values (durations, sizes, choices, paths), and shows them as TOML again.

A reader takes a value from tomllib and returns hammerd's, or raises InvalidValue with all its
problems. It does not depend on the key.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from hammerd.core import characters
from hammerd.core.durations import short_form
from hammerd.core.nearest import did_you_mean, nearest

Choice = TypeVar("Choice", bound=StrEnum)

SHORTEST_DURATION_S = 0.01
LONGEST_PATH_BYTES = 1023
"""PATH_MAX of the BSDs, without the NUL."""
LONGEST_DURATION_S = 36_500 * 86_400.0
SMALLEST_BYTES = 1 << 10
LARGEST_COUNT = 1000

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_BYTES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)([smhdw])")
_COMPOUND = re.compile(
    r"(?:([0-9]{1,12})w)?(?:([0-9]{1,12})d)?(?:([0-9]{1,12})h)?"
    r"(?:([0-9]{1,12})m)?(?:([0-9]{1,12})s)?"
)
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)([kmg])", re.IGNORECASE)
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")

_DURATION_HINT = 'write numbers with units, the largest first: "30s", "5m", "1h30m", "1d", "2w"'
_SIZE_HINT = 'write one number and a unit: "500k", "20m" or "4g"'
_COMMAND_HINT = 'no shell reads it: write ["/path/of/program", "argument"]'
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a value, and what to write instead."""

    what: str
    hint: str = ""


class InvalidValue(ValueError):  # noqa: N818 - what the value is, not a suffix
    """A value is invalid; `problems` lists all the reasons."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problem.what for problem in problems))
        self.problems = problems


PATH_TOO_LONG = Problem(f"holds a path of more than {LONGEST_PATH_BYTES} bytes")
DOT_DOT = Problem("holds a `..`: two paths could be one", "write the path without it")


def show_value(value: object) -> str:
    """Return a TOML value as a person would write it, on one line and shortened."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() if abs(value) >> 64:
            return "a huge number"  # beyond 4300 digits Python refuses to print it
        case str():
            return shortened(_quoted(value))
        case dict():
            return "a table"
        case list() if not value:
            return "[]"
        case tuple():
            return f"[{', '.join(show_value(each) for each in value)}]"
        case list():
            return "an array"
        case _:
            return shortened(str(value))


def _quoted(text: str) -> str:
    return characters.escape_invisible(json.dumps(text, ensure_ascii=False))


def shortened(text: str) -> str:
    """Cut a text that is too long for a message."""
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def read_text(value: object) -> str:
    """Read a string of at least one character, on one line."""
    if not isinstance(value, str):
        raise InvalidValue(Problem("must be a string", "put it in double quotes"))
    if not value:
        raise InvalidValue(Problem("is empty"))
    if unseen := [char for char in characters.odd_characters(value) if not char.isprintable()]:
        problems = (
            Problem(
                f"holds {characters.describe_character(char)}", characters.character_hint(char)
            )
            for char in unseen[: characters.MAX_LISTED]
        )
        raise InvalidValue(*problems)
    return value


def read_flag(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise InvalidValue(Problem("must be true or false, without quotes"))
    return value


def read_choice(choices: type[Choice], value: object) -> Choice:
    """Read one of the words of an enumeration."""
    words = [choice.value for choice in choices]
    if value not in words:
        near = nearest(value.lower(), words) if isinstance(value, str) else ""
        raise InvalidValue(Problem(f"must be one of {', '.join(words)}", did_you_mean(near)))
    return choices(str(value))


def read_duration(value: object, least_s: float = SHORTEST_DURATION_S) -> float:
    """Read `30s`, `5m`, `1h30m`, `1d` or `2w` as seconds."""
    if is_number(value):
        raise InvalidValue(Problem("needs a unit", f'write "{show_value(value)}s" for seconds'))
    text = read_text(value)
    seconds = _seconds(text)
    if seconds is None:
        short = short_form(text)
        hint = f'write "{short}"' if _seconds(short) else _DURATION_HINT
        raise InvalidValue(Problem("is not a duration", hint))
    if not least_s <= seconds <= LONGEST_DURATION_S:
        bounds = f"{show_duration(least_s)} to {show_duration(LONGEST_DURATION_S)}"
        raise InvalidValue(Problem(f"must be within {bounds}"))
    return seconds


def _seconds(text: str) -> float | None:
    if match := _DURATION.fullmatch(text):
        return float(match[1]) * _SECONDS[match[2]]
    if match := _COMPOUND.fullmatch(text):
        units = zip(match.groups(default="0"), reversed(_SECONDS.values()), strict=True)
        return sum(float(number) * unit_s for number, unit_s in units)
    return None


def read_whole_seconds(value: object) -> int:
    """Read a duration of whole seconds, one at least: hammer's -i takes no other."""
    seconds = read_duration(value, least_s=1.0)
    if seconds != int(seconds):
        raise InvalidValue(Problem("must be whole seconds"))
    return int(seconds)


def read_size(value: object) -> int:
    """Read `500k`, `20m` or `4g` as bytes; units are powers of 1024, as in hammer."""
    if is_number(value):
        raise InvalidValue(Problem("needs a unit", _SIZE_HINT))
    match = _SIZE.fullmatch(read_text(value))
    if match is None:
        raise InvalidValue(Problem("is not a size", _SIZE_HINT))
    size_bytes = int(float(match[1]) * _BYTES[match[2].lower()])
    if size_bytes < SMALLEST_BYTES:
        raise InvalidValue(Problem(f"must be at least {show_size(SMALLEST_BYTES)}"))
    return size_bytes


def read_path(value: object) -> str:
    """Read an absolute path of this machine; doubled and trailing slashes are removed."""
    path = read_text(value)
    if not path.startswith("/"):
        like = path.replace("~", "/root", 1) if path.startswith("~/") else f"/{path}"
        raise InvalidValue(
            Problem("must be an absolute path", f'begin it with a /, like "{like}"')
        )
    if has_dot_dot(path):
        raise InvalidValue(DOT_DOT)
    if is_path_too_long(path):
        raise InvalidValue(PATH_TOO_LONG)
    return tidy_path(path)


def read_group(value: object) -> str:
    """Read the name of a group of users."""
    name = read_text(value)
    if _GROUP.fullmatch(name) is None:
        raise InvalidValue(Problem("is not the name of a group"))
    return name


def read_count(value: object) -> int:
    """Read a whole number from 1 on."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST_COUNT:
        raise InvalidValue(Problem(f"must be a whole number within 1 to {LARGEST_COUNT}"))
    return value


def read_command(value: object) -> tuple[str, ...]:
    """Read an argv: the absolute path of a program, and its arguments."""
    if not isinstance(value, list) or not value:
        raise InvalidValue(Problem("must be an array of a path and arguments", _COMMAND_HINT))
    return (read_path(value[0]), *map(read_text, value[1:]))


def is_number(value: object) -> bool:
    """Return whether a TOML value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def tidy_path(path: str) -> str:
    """Remove doubled and trailing slashes; hammer fails on a trailing one (docs/hammer.md 1.4)."""
    return re.sub(r"/+", "/", path).rstrip("/") or "/"


def is_path_too_long(path: str) -> bool:
    """Return whether a path is too long to be opened on the BSDs."""
    return len(path.encode()) > LONGEST_PATH_BYTES


def has_dot_dot(path: str) -> bool:
    """Return whether a path contains `..`, which may lead elsewhere than it seems."""
    return ".." in path.split("/")


def show_duration(seconds: float) -> str:
    """Return seconds in the largest unit without a fraction: `90s`, `5m`, `2h`, `1w`."""
    for unit, unit_s in reversed(_SECONDS.items()):
        if seconds >= unit_s and seconds % unit_s == 0:
            return f"{seconds / unit_s:.0f}{unit}"
    return f"{seconds:.12g}s"


def show_size(size_bytes: int) -> str:
    """Return bytes in the largest unit without a fraction: `500k`, `20m`, `4g`."""
    for unit, unit_bytes in reversed(_BYTES.items()):
        if size_bytes % unit_bytes == 0:
            return f"{size_bytes // unit_bytes}{unit}"
    return f"{size_bytes / _BYTES['k']:.12g}k"
