"""Names the characters that a web page or an editor puts where plain ones are meant.

A no-break space looks like a blank, a dash like a minus sign, and a zero width space like nothing:
who is to find one needs its name. What to type instead stands beside it.
"""

from collections.abc import Iterable, Iterator

BYTE_ORDER_MARK = "\ufeff"
MAX_LISTED = 3

_PLAIN = {
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u301d\u301e", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2039\u203a\u2032\u00b4", "'"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63", "-"),
    **dict.fromkeys("\u2044\u2215\u29f8", "/"),
    **dict.fromkeys("\u2236\ua789\u02d0", ":"),
    "\u2026": "...",
    **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
}
"""What is typed for a character of print; the last are the wide forms of ASCII."""

_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code) for code in (*range(0x180B, 0x180E), *range(0xFE00, 0xFE10))
}
"""What shows nothing, although Python calls it printable."""

_NAMES = {
    BYTE_ORDER_MARK: "byte order mark",
    "\0": "NUL",
    "\t": "tab",
    "\n": "newline",
    "\r": "carriage return",
    "\x1b": "escape character",
}


def odd_characters(text: str) -> tuple[str, ...]:
    """Return each character of a text that cannot be seen or told from a plain one."""
    return tuple(dict.fromkeys(char for char in text if _is_odd(char)))


def describe_character(char: str) -> str:
    """Name a character: `a no-break space (U+00A0)`."""
    # Nobody with a good config waits for this import.
    import unicodedata

    usual = "control character" if unicodedata.category(char) == "Cc" else "character"
    name = _NAMES.get(char) or unicodedata.name(char, usual).lower()
    article = "an" if name[0] in "aeio" else "a"
    return f"{article} {name} (U+{ord(char):04X})"


def character_hint(char: str) -> str:
    """Say what to do about a character."""
    if char in _PLAIN:
        return f"type {_PLAIN[char]} instead"
    import unicodedata

    category = unicodedata.category(char)
    if category == "Zs":
        return "type a blank instead"
    if char == "\r" or category in ("Zl", "Zp"):
        return "end the line with a newline"
    if category.startswith("C") or char in _UNSEEN:
        return "delete it"
    return "put it in quotes"


def characters_hint(chars: Iterable[str]) -> str:
    """Say which characters there are and what to do about each, nothing when there are none."""
    distinct = tuple(dict.fromkeys(chars))
    parts = [
        f"{describe_character(char)}: {character_hint(char)}" for char in distinct[:MAX_LISTED]
    ]
    if not parts:
        return ""
    return f"it holds {', '.join(parts)}{' ...' if len(distinct) > MAX_LISTED else ''}"


def escape_invisible(text: str) -> str:
    """Write what cannot be seen as the escape that TOML has for it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) for char in text)


def printable(text: str) -> str:
    """Replace each character that a terminal would obey, or cannot show, by a question mark."""
    return "".join(char if char.isprintable() else "?" for char in text)


def non_ascii(text: str) -> Iterator[str]:
    """Yield the characters that TOML knows in strings and comments only."""
    return (char for char in text if char != "\t" and not " " <= char <= "~")


def _is_odd(char: str) -> bool:
    return not char.isprintable() or char in _PLAIN or char in _UNSEEN


def _escape(char: str) -> str:
    if char.isprintable() and char not in _UNSEEN:
        return char
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else f"\\U{ord(char):08x}"
