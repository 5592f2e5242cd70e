"""Single values of a config are read and shown: durations, sizes, words, paths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.config.model import LogFormat
from hammerd.core.config.values import (
    InvalidValue,
    read_choice,
    read_duration,
    read_flag,
    read_group,
    read_path,
    read_size,
    read_text,
    read_whole_seconds,
    show_duration,
    show_size,
    show_value,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("5m", 300.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("2w", 1209600.0),
        ("1.5m", 90.0),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float):
    assert seconds == read_duration(text)


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        ("1h30m", 5400.0, "90m"),
        ("2d12h", 216000.0, "60h"),
        ("1d1s", 86401.0, "86401s"),
        ("1w3d", 864000.0, "10d"),
        ("7d", 604800.0, "1w"),
    ],
)
def test_a_duration_may_have_several_units(text: str, seconds: float, shown: str):
    assert (seconds, shown) == (read_duration(text), show_duration(read_duration(text)))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "5",
        "5 m",
        "-5m",
        "30m1h",
        "1h1h",
        "1.5h30m",
        "1h30",
        "5M",
        "\u0665m",
        "0s",
        "999999999d",
        5,
        5.0,
        True,
        None,
        ["5m"],
    ],
)
def test_an_invalid_duration_is_refused(value: object):
    with pytest.raises(InvalidValue):
        read_duration(value)


@pytest.mark.parametrize(
    ("text", "short"),
    [("2 hours", "2h"), ("30 min", "30m"), ("1 Hour, 5 secs", "1h5s"), ("a week", "1w")],
)
def test_a_duration_in_words_has_a_hint_of_the_short_form(text: str, short: str):
    with pytest.raises(InvalidValue) as caught:
        read_duration(text)

    assert caught.value.problems[0].hint == f'write "{short}"'


def test_a_bare_number_has_a_hint_with_a_unit():
    with pytest.raises(InvalidValue) as caught:
        read_duration(30)

    assert caught.value.problems[0].hint == 'write "30s" for seconds'


@pytest.mark.parametrize("value", ["0.5s", "1.5s", "0s", 5])
def test_hammer_s_delay_is_whole_seconds_and_one_at_least(value: object):
    with pytest.raises(InvalidValue):
        read_whole_seconds(value)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("500k", 512000), ("20m", 20 << 20), ("4g", 4 << 30), ("4G", 4 << 30), ("0.5m", 512 << 10)],
)
def test_a_size_counts_in_powers_of_1024(text: str, size_bytes: int):
    assert size_bytes == read_size(text)


@pytest.mark.parametrize("value", ["", "4", "4t", "4gb", "0k", "-1m", 4, True, {}])
def test_an_invalid_size_is_refused(value: object):
    with pytest.raises(InvalidValue):
        read_size(value)


@pytest.mark.parametrize("value", [0, 1, "true", "yes", None])
def test_only_true_and_false_are_flags(value: object):
    with pytest.raises(InvalidValue):
        read_flag(value)


@pytest.mark.parametrize("value", ["Human", "", 1, ["human"], True])
def test_only_the_words_of_a_choice_are_accepted(value: object):
    with pytest.raises(InvalidValue):
        read_choice(LogFormat, value)


@pytest.mark.parametrize(
    ("value", "hint"),
    [("JSON", 'did you mean "json"?'), ("logfm", 'did you mean "logfmt"?'), ("x", ""), (1, "")],
)
def test_a_misspelt_word_has_a_hint(value: object, hint: str):
    with pytest.raises(InvalidValue) as caught:
        read_choice(LogFormat, value)

    assert hint == caught.value.problems[0].hint


@pytest.mark.parametrize("value", ["a\x00b", "a\nb", "a\x7fb", "", 3])
def test_an_empty_text_or_a_control_character_is_refused(value: object):
    with pytest.raises(InvalidValue):
        read_text(value)


def test_a_path_is_absolute_and_tidy():
    assert read_path("//var//db/hammerd/") == "/var/db/hammerd"
    assert read_path("//") == "/"
    with pytest.raises(InvalidValue):
        read_path("var/db")
    with pytest.raises(InvalidValue):
        read_path("/var/../db")
    assert read_path("/var/..db") == "/var/..db"


@pytest.mark.parametrize("value", ["", "a b", "-wheel", "wheel\n", 0])
def test_only_a_plain_word_names_a_group(value: object):
    with pytest.raises(InvalidValue):
        read_group(value)


@given(st.integers(1, 10**6), st.sampled_from("smhd"))
def test_a_duration_shown_reads_back(number: int, unit: str):
    try:
        seconds = read_duration(f"{number}{unit}")
    except InvalidValue:
        return

    assert seconds == read_duration(show_duration(seconds))


@given(st.integers(1, 10**6), st.sampled_from("kmg"))
def test_a_size_shown_reads_back(number: int, unit: str):
    size_bytes = read_size(f"{number}{unit}")

    assert size_bytes == read_size(show_size(size_bytes))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a", '"a"'),
        (True, "true"),
        (3, "3"),
        (2.5, "2.5"),
        ([1], "an array"),
        ({}, "a table"),
        ("a\x07\x7fb", r'"a\u0007\u007fb"'),
        ("ü", '"ü"'),
        (1 << 70, "a huge number"),
        ("x" * 80, '"' + "x" * 58 + "…"),
    ],
)
def test_a_value_is_shown_as_it_was_written(value: object, shown: str):
    assert shown == show_value(value)
