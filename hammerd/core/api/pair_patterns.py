"""Chooses pairs by names and by the patterns of a shell: `web*`, `db-?`, `[ab]*`, `[!t]*`.

fnmatch is imported only for a pattern, because most commands name their pairs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MOST_PATTERNS, LONGEST_PATTERN = 32, 200
"""Limits for words that may come from anybody: each pattern is compared with each name."""

_WILD = frozenset("*?")


@dataclass(frozen=True, slots=True)
class Choice:
    """The pairs that some words choose, each once.

    `named`: those of `pairs` that a word names; the others only match a pattern. `unknown`: the
    words that choose no pair.
    """

    pairs: tuple[str, ...]
    named: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def is_pattern(word: str) -> bool:
    """Return whether a word has characters of patterns; the config allows none in a name."""
    return not _WILD.isdisjoint(word) or "]" in word.partition("[")[2]


def choose(words: Sequence[str], known: Iterable[str]) -> Choice:
    """Choose from the known names, in the order of the words; no words choose all.

    A known name is taken literally, whatever its characters are. Of more than MOST_PATTERNS
    patterns the others are unknown, and so are those that are too long.
    """
    names = tuple(dict.fromkeys(known))
    if not words:
        return Choice(names)
    exact = frozenset(names)
    patterns = [word for word in dict.fromkeys(words) if is_pattern(word)]
    matches = {word: tuple(_matching(word, names)) for word in patterns[:MOST_PATTERNS]}
    chosen = {word: (word,) if word in exact else matches.get(word, ()) for word in words}
    return Choice(
        tuple(dict.fromkeys(name for found in chosen.values() for name in found)),
        tuple(name for name in dict.fromkeys(words) if name in exact),
        tuple(word for word, found in chosen.items() if not found),
    )


def _matching(pattern: str, names: Iterable[str]) -> Iterator[str]:
    if len(pattern) > LONGEST_PATTERN:
        return
    import re
    from fnmatch import translate

    # fnmatchcase() itself would keep thousands of compiled patterns.
    matches = re.compile(translate(pattern)).match
    yield from (name for name in names if matches(name))
