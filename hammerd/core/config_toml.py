"""Turns the bytes of a config into tables, or says where and why they are no TOML.

tomllib stops at the first error. What stands after it nobody has seen yet, and the fault says so.
"""

import re
import tomllib

from hammerd.core.config_values import shortened
from hammerd.core.errors import ConfigError, Fault

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_ENTRY = re.compile(
    r"\s*([A-Za-z0-9_.-]+)\s*[=:]\s*([^\s\"'\[{=#](?:[^\"'#]*[^\"'#\s])?)\s*(?:#.*)?"
)
_PLAIN = re.compile(r"[+-]?[0-9][0-9_.]*|true|false")
_FLAGS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false"}
_CURLY = "\u201c\u201d\u201e\u2018\u2019"
_REST = "what comes after it is not checked yet"

_HINTS = (
    (r"cannot declare|cannot mutate", "a table stands once in a file: join the two"),
    (r"cannot overwrite|duplicate", "a key stands once in its table"),
    (r"unescaped '\\'", "write \\\\ for a backslash, or put the string in single quotes"),
    (r"illegal character '\\n'|unterminated|expected \"'\"", "a string ends with its first quote"),
    (r"end of a table declaration", "a table starts with a line like [pairs.test]"),
    (r"expected '='|invalid statement", 'a line is like [pairs.test] or delay = "5s"'),
    (r"expected newline", "one key stands on a line, and a text in double quotes"),
    (r"invalid value", "a text, a path or a duration stands in double quotes"),
)


def read_toml(content: bytes, source: str) -> dict[str, object]:
    """Decode the bytes of a config file and make tables of them.

    Raises:
        ConfigError: they are no UTF-8, or no TOML; with the first fault.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = Fault(f"line {line}", "is not UTF-8", f"byte 0x{content[error.start]:02x}")
        raise ConfigError(source, (fault,)) from error
    return parse_toml(text, source)


def parse_toml(text: str, source: str) -> dict[str, object]:
    """Make tables of TOML text.

    Raises:
        ConfigError: it is none; with the first fault.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(source, (_syntax_fault(str(error), text),)) from error


def _syntax_fault(message: str, text: str) -> Fault:
    """Put tomllib's `... (at line 3, column 5)` in front, where an editor looks for it."""
    place = _PLACE.search(message)
    if place is None:
        return Fault("file", f"is not TOML: {message}")
    said = message[: place.start()]
    # TOML breaks a line at a newline only; str.splitlines knows more, and would count wrong.
    lines = text.rstrip("\n").split("\n")
    if place[1] is None:
        line = lines[-1].strip()
        what = f"is not TOML: {said}, and the file ends"
        return Fault(f"line {len(lines)}", what, _shown(line), _hint(said, line))
    line = lines[int(place[1]) - 1].strip() if int(place[1]) <= len(lines) else ""
    hint = "; ".join(filter(None, (_hint(said, line), _REST)))
    return Fault(f"line {place[1]}, column {place[2]}", f"is not TOML: {said}", _shown(line), hint)


def _shown(line: str) -> str:
    return shortened("".join(char if char.isprintable() else "?" for char in line))


def _hint(said: str, line: str) -> str:
    if any(quote in line for quote in _CURLY):
        return "quotes are straight in TOML"
    entry = _ENTRY.fullmatch(line)
    if entry is not None and _PLAIN.fullmatch(entry[2]) is None:
        value = _FLAGS.get(entry[2].lower(), f'"{entry[2]}"')
        return f"write {entry[1]} = {value}"
    return next((hint for sign, hint in _HINTS if re.search(sign, said, re.IGNORECASE)), "")
