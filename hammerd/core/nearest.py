"""Finds the known name that an unknown name looks like, for `did you mean` hints.

difflib is imported only for an unknown name, because it would slow down `hammerd status`.
"""

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that looks like this one; empty if none does."""
    from difflib import get_close_matches

    return "".join(get_close_matches(name, tuple(known), n=1))


def did_you_mean(name: str) -> str:
    """Return `did you mean "NAME"?`; empty for an empty name."""
    return f'did you mean "{name}"?' if name else ""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the text to put after an unknown name: ` (did you mean "X"?)`, or empty."""
    near = nearest(name, known)
    return f" ({did_you_mean(near)})" if near else ""
