"""`hammerd status -o`: selected columns."""

import pytest

from hammerd.core.api.protocol import Answer


@pytest.fixture
def two(make_pair, make_status) -> Answer:
    parked = make_pair(
        "mail",
        state="parked",
        because="refused",
        lag_s=None,
        last_words=["a\tb", "c\nd"],
        health="critical",
    )
    return Answer(make_status(make_pair("home"), parked))


def test_columns_are_in_the_given_order(hammerd, start_daemon, run_dir, two):
    start_daemon(two)

    ran = hammerd("status", "--run-dir", run_dir, "-o", "pair,lag_s,slave_tid,note")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "pair  lag_s  slave_tid           note\n"
        "home  0.0    0x0000000100580a8f  -\n"
        "mail  -      0x0000000100580a8f  refused\n"
    )


def test_bare_columns_are_for_scripts(hammerd, start_daemon, run_dir, two):
    start_daemon(two)

    ran = hammerd("status", "--run-dir", run_dir, "-H", "-o", "pair, lag_approximate,last_words")

    assert ran.out == 'home\tfalse\t[]\nmail\tfalse\t["a\\tb", "c\\nd"]\n'


def test_an_unknown_column_is_refused_with_the_nearest_name(hammerd, start_daemon, run_dir, two):
    start_daemon(two)

    ran = hammerd("status", "--run-dir", run_dir, "-o", "pair,lags")

    assert (ran.code, ran.out) == (64, "")
    assert 'no such column: "lags" (did you mean "lag_s"?)' in ran.err
    assert "known: because, bulk_bytes, failures" in " ".join(ran.err.split())


@pytest.mark.parametrize("fields", ["", "pair,", ",pair"])
def test_an_empty_column_name_is_refused(hammerd, start_daemon, run_dir, two, fields: str):
    start_daemon(two)

    ran = hammerd("status", "--run-dir", run_dir, "-o", fields)

    assert (ran.code, ran.out) == (64, "")
    assert "name columns with a comma between two" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--json", "-o", "pair"), "say one of --json and -o"),
        (("-H",), "-H goes with -o FIELDS"),
    ],
)
def test_output_forms_exclude_each_other(hammerd, run_dir, arguments: tuple[str, ...], words: str):
    ran = hammerd("status", "--run-dir", run_dir, *arguments)

    assert (ran.code, ran.out) == (64, "")
    assert words in ran.err
