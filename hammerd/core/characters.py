"""Names the characters that web pages and editors substitute for plain ones, with a hint.

A no-break space looks like a blank, a dash like a minus sign, and a zero width space is invisible.
To find such a character, a person needs its name; the hint says what to type instead.
"""

from collections.abc import Iterable, Iterator

BYTE_ORDER_MARK = "\ufeff"
MAX_LISTED = 3

_REPLACEMENTS = {
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u301d\u301e", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2039\u203a\u2032\u00b4", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63", "-"),
    **dict.fromkeys("\u2044\u2215\u29f8", "/"),
    **dict.fromkeys("\u2236\ua789\u02d0", ":"),
    "\u2026": "...",
    **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
}
"""The plain characters for typographic ones; the last are the wide forms of ASCII."""

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code) for code in (*range(0x180B, 0x180E), *range(0xFE00, 0xFE10))
}
"""Invisible characters that Python calls printable."""

_NAMES = {
    BYTE_ORDER_MARK: "byte order mark",
    "\0": "NUL",
    "\t": "tab",
    "\n": "newline",
    "\r": "carriage return",
    "\x1b": "escape character",
}


def odd_characters(text: str) -> tuple[str, ...]:
    """Return each character of a text that is invisible or looks like a plain one."""
    return tuple(dict.fromkeys(char for char in text if _is_odd(char)))


def describe_character(char: str) -> str:
    """Return the name of a character: `a no-break space (U+00A0)`."""
    # Imported late: a config without odd characters does not need it.
    import unicodedata

    usual = "control character" if unicodedata.category(char) == "Cc" else "character"
    name = _NAMES.get(char) or unicodedata.name(char, usual).lower()
    article = "an" if name[0] in "aeio" else "a"
    return f"{article} {name} (U+{ord(char):04X})"


def character_hint(char: str) -> str:
    """Return a hint for a character: what to type instead, or to delete it."""
    if char in _REPLACEMENTS:
        return f"type {_REPLACEMENTS[char]} instead"
    import unicodedata

    category = unicodedata.category(char)
    if category == "Zs":
        return "type a blank instead"
    if char == "\r" or category in ("Zl", "Zp"):
        return "end the line with a newline"
    if category.startswith("C") or char in _INVISIBLE:
        return "delete it"
    return "put it in quotes"


def characters_hint(chars: Iterable[str]) -> str:
    """Return the names of characters with a hint for each; empty if there are none."""
    distinct = tuple(dict.fromkeys(chars))
    parts = [
        f"{describe_character(char)}: {character_hint(char)}" for char in distinct[:MAX_LISTED]
    ]
    if not parts:
        return ""
    return f"it holds {', '.join(parts)}{' ...' if len(distinct) > MAX_LISTED else ''}"


def escape_invisible(text: str) -> str:
    """Replace each invisible character by its escape in TOML."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) for char in text)


def printable(text: str) -> str:
    """Replace each character that a terminal would obey, or cannot show, by a question mark."""
    return "".join(char if char.isprintable() else "?" for char in text)


def non_ascii(text: str) -> Iterator[str]:
    """Yield the characters that TOML allows in strings and comments only."""
    return (char for char in text if char != "\t" and not " " <= char <= "~")


def _is_odd(char: str) -> bool:
    return not char.isprintable() or char in _REPLACEMENTS or char in _INVISIBLE


def _escape(char: str) -> str:
    if char.isprintable() and char not in _INVISIBLE:
        return char
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"
