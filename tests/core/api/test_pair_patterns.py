"""Pairs chosen by names and by the patterns of a shell."""

import random
import warnings
from collections.abc import Sequence

import pytest

from hammerd.core.api.pair_patterns import (
    LONGEST_PATTERN,
    MOST_PATTERNS,
    Choice,
    choose,
    is_pattern,
)

KNOWN = ("web1", "web2", "db-a", "db-bc", "Web3", "home")


@pytest.mark.parametrize(
    ("words", "pairs"),
    [
        (("web*",), ("web1", "web2")),
        (("db-?",), ("db-a",)),
        (("[hd]*",), ("db-a", "db-bc", "home")),
        (("[!w]*[0-9]",), ("Web3",)),
        (("*",), KNOWN),
        (("home", "web*", "web1"), ("home", "web1", "web2")),
        ((), KNOWN),
    ],
)
def test_patterns_are_those_of_a_shell(words: Sequence[str], pairs: tuple[str, ...]):
    choice = choose(words, KNOWN)

    assert (choice.pairs, choice.unknown) == (pairs, ())


def test_a_pair_that_a_word_names_is_told_from_one_that_matches():
    assert choose(("web2", "web*"), KNOWN).named == ("web2",)
    assert choose((), KNOWN).named == ()


def test_a_word_that_chooses_no_pair_is_unknown():
    assert choose(("hoem", "x*", "web*"), KNOWN).unknown == ("hoem", "x*")


def test_a_known_name_with_the_characters_of_a_pattern_is_literal():
    assert choose(("w[1]",), ("w1", "w[1]")) == Choice(("w[1]",), ("w[1]",))


@pytest.mark.parametrize(
    ("word", "expected"),
    [("web*", True), ("a?", True), ("[a]", True), ("[a", False), ("a]", False), ("a-b.c", False)],
)
def test_a_pattern_is_told_from_a_name(word: str, expected: bool):
    assert is_pattern(word) is expected


def test_words_of_anybody_raise_nothing_and_are_bounded():
    random.seed(5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2000):
            words = ["".join(random.choices("[]!^-*?ab&|~\\\n\ud800", k=8)) for _ in range(3)]
            assert set(choose(words, KNOWN).pairs) <= set(KNOWN)
    many = (*(f"*{number}" for number in range(MOST_PATTERNS)), "*e*")
    assert choose(many, KNOWN).unknown[-1] == "*e*"
    assert choose(("*" * (LONGEST_PATTERN + 1),), KNOWN).pairs == ()
