"""The text of a daemon's lock is written and read again."""

import pytest

from hammerd.core.lock_text import lock_text, read_lock


def test_what_was_written_is_read_again() -> None:
    assert read_lock(lock_text(4711, "/var/run/hammerd")) == ("4711", "/var/run/hammerd")


@pytest.mark.parametrize(
    ("text", "read"),
    [("", ("", "")), ("4711\n", ("4711", "")), (" 4711 \n/a b\nmore\n", ("4711", "/a b"))],
)
def test_what_is_missing_is_empty(text: str, read: tuple[str, str]) -> None:
    assert read_lock(text) == read
