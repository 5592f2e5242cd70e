"""Parses the bytes of a config into tables, or reports where and why they are not TOML.

tomllib stops at the first error. The fault says that the text after it is not checked yet.
"""

import re
import tomllib

from hammerd.core import characters, paths
from hammerd.core.config.values import InvalidValue, read_path, shortened, show_value
from hammerd.core.errors import ConfigError, Fault

_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_ENTRY = re.compile(
    r"\s*([A-Za-z0-9_.-]+)\s*[=:]\s*([^\s\"'\[{=#](?:[^\"'#]*[^\"'#\s])?)\s*(?:#.*)?"
)
_PLAIN = re.compile(r"[+-]?[0-9][0-9_.]*|true|false")
_FLAGS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false"}
_STRINGS_AND_COMMENT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|#.*")
_CURLY = "\u201c\u201d\u201e\u2018\u2019"
_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"+/v8", "UTF-7"),
    (b"+/v9", "UTF-7"),
    (b"\x84\x31\x95\x33", "GB 18030"),
    (b"\xdd\x73\x66\x73", "UTF-EBCDIC"),
    (b"\x0e\xfe\xff", "SCSU"),
    (b"\xfb\xee\x28", "BOCU-1"),
    (b"\xf7\x64\x4c", "UTF-1"),
)
"""Byte order marks, the longer ones first; the one of UTF-8 is accepted and not listed."""

_BLANKS = " \t"
"""The blanks to strip; str.strip without them would remove a no-break space, too."""

_SCANNED_BYTES = 64
_DEFAULTS = {"run_dir": paths.RUN_DIR, "state_dir": paths.STATE_DIR}
_UNCHECKED = "what comes after it is not checked yet"

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
    """Decode and parse the bytes of a config file.

    Raises:
        ConfigError: they are not UTF-8 or not TOML; with the first fault.
    """
    text = _decode(content, source).removeprefix(characters.BYTE_ORDER_MARK)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(source, (_syntax_fault(str(error), text),)) from error


def _decode(content: bytes, source: str) -> str:
    if encoding := _foreign_encoding(content):
        hint = "save it as UTF-8, with a byte order mark or without"
        raise ConfigError(source, (Fault("file", f"is in {encoding}, not in UTF-8", hint=hint),))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start : error.start + 1]
        hint = "save the file as UTF-8"
        if meant := byte.decode("cp1252", "ignore"):
            hint = f"in Latin-1 it is {characters.describe_character(meant)}: {hint}"
        fault = Fault(f"line {line}", "is not UTF-8", f"byte 0x{byte.hex()}", hint)
        raise ConfigError(source, (fault,)) from error


def _foreign_encoding(content: bytes) -> str:
    """Return the encoding that the first bytes show; empty for UTF-8, ASCII and the like."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return f"{encoding}, by its byte order mark"
    # In UTF-16 every second byte of plain text is a NUL; plain text in UTF-8 has none.
    return "UTF-16, by its NUL bytes" if b"\0" in content[:_SCANNED_BYTES] else ""


def _syntax_fault(message: str, text: str) -> Fault:
    """Move tomllib's `... (at line 3, column 5)` to the front, as editors expect it."""
    position = _POSITION.search(message)
    if position is None:
        return Fault("file", f"is not TOML: {message}")
    error = message[: position.start()]
    # TOML breaks a line at a newline only; str.splitlines breaks at more characters.
    lines = [line.removesuffix("\r") for line in text.rstrip("\n").split("\n")]
    if position[1] is None:
        line = lines[-1].strip(_BLANKS)
        what = f"is not TOML: {error}, and the file ends"
        return Fault(f"line {len(lines)}", what, _shown(line), _hint(error, line))
    line = lines[int(position[1]) - 1].strip(_BLANKS) if int(position[1]) <= len(lines) else ""
    hint = "; ".join(filter(None, (_hint(error, line), _UNCHECKED)))
    where = f"line {position[1]}, column {position[2]}"
    return Fault(where, f"is not TOML: {error}", _shown(line), hint)


def _shown(line: str) -> str:
    return shortened(characters.escape_invisible(line))


def _hint(error: str, line: str) -> str:
    # Outside of strings and comments TOML is ASCII.
    outside = _STRINGS_AND_COMMENT.sub("", line)
    if odd := characters.characters_hint(characters.non_ascii(outside)):
        is_curly = any(quote in outside for quote in _CURLY)
        return f"quotes are straight in TOML; {odd}" if is_curly else odd
    entry = _ENTRY.fullmatch(line)
    if entry is not None and _PLAIN.fullmatch(entry[2]) is None:
        value = _FLAGS.get(entry[2].lower(), f'"{entry[2]}"')
        return f"write {entry[1]} = {value}"
    hints = (hint for pattern, hint in _HINTS if re.search(pattern, error, re.IGNORECASE))
    return next(hints, "")


def read_directory(key: str, content: bytes, source: str) -> str:
    """Return the value of run_dir or state_dir in a config file's bytes, or its default.

    It is read even if the rest of the config has faults: while the config is being edited, a
    person can still see the status of the pairs that run with the previous one.

    Raises:
        ConfigError: the bytes are no TOML, or the value is no path.
    """
    daemon = read_toml(content, source).get("daemon")
    if not isinstance(daemon, dict) or key not in daemon:
        return _DEFAULTS[key]
    try:
        return read_path(daemon[key])
    except InvalidValue as error:
        shown = show_value(daemon[key])
        faults = (Fault(f"daemon.{key}", each.what, shown, each.hint) for each in error.problems)
        raise ConfigError(source, tuple(faults)) from error
