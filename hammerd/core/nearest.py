"""Finds the known name that an unknown one looks like, and asks whether that was meant.

difflib is imported only when a name is unknown: a status must not wait for it.
"""

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that looks like this one, or nothing."""
    from difflib import get_close_matches

    return "".join(get_close_matches(name, tuple(known), n=1))


def did_you_mean(name: str) -> str:
    """Return `did you mean "NAME"?`, nothing where there is no name."""
    return f'did you mean "{name}"?' if name else ""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the question that stands behind an unknown name: ` (did you mean "X"?)`."""
    near = nearest(name, known)
    return f" ({did_you_mean(near)})" if near else ""
