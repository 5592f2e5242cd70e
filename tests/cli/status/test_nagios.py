"""`hammerd status --nagios`: a line and a status from 0 to 3 in every case."""

import re
from collections.abc import Callable

import pytest

from hammerd.core.api.protocol import Answer, Refusal

MakePair = Callable[..., dict[str, object]]
PERFORMANCE = re.compile(r"'[^'=|]+'=(U|-?[0-9.]+(s|))(;[0-9.]*){3}")


@pytest.fixture
def nagios(hammerd, run_dir):
    return lambda *arguments: hammerd("status", "--nagios", "--run-dir", run_dir, *arguments)


def test_ok_is_one_line_with_performance_data(nagios, start_daemon, make_pair, make_status):
    start_daemon(Answer(make_status(make_pair("home", lag_s=12.5, lag_tids=7))))

    ran = nagios()

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "HAMMERD OK - 1 pair: 1 ok | 'home_lag'=12.5s;300;1800;0 'home_lag_tids'=7;;;0",
        "home: streaming, 12s behind",
    ]


def test_a_slave_ahead_has_no_number_below_the_minimum(
    nagios, start_daemon, make_pair, make_status
):
    ahead = make_pair("home", lag_s=None, lag_tids=-3, lag_verdict="ahead", health="unknown")
    start_daemon(Answer(make_status(ahead)))

    assert "'home_lag_tids'=U;;;0" in nagios().out


@pytest.mark.parametrize(
    ("health", "code"), [("ok", 0), ("warning", 1), ("critical", 2), ("unknown", 3)]
)
def test_health_is_the_exit_status(
    nagios, start_daemon, answer: Callable[..., Answer], health: str, code: int
):
    start_daemon(Answer({**answer().data, "health": health}))

    ran = nagios()

    assert ran.code == code
    assert ran.out.startswith(f"HAMMERD {health.upper()} - ")


def test_the_worst_is_first_and_every_pair_has_its_line(
    nagios, start_daemon, make_pair: MakePair, make_status
):
    parked = make_pair(
        "mail",
        state="parked",
        because="uuid_mismatch",
        retry_in_s=42.0,
        lag_s=None,
        lag_tids=None,
        health="critical",
    )
    late = make_pair("web", lag_s=400.0, health="warning")
    off = make_pair("off", wanted="down", state="stopped", because="disabled", lag_s=None)
    paused = make_pair("pst", wanted="paused", state="stopped", lag_s=60.0)
    data = make_status(make_pair("home"), late, off, paused, parked) | {"health": "critical"}
    data["hammerd"] = {**data["hammerd"], "clocks_unsaved_because": "a|b\nfull"}
    start_daemon(Answer(data))

    ran = nagios()
    first, *others = ran.out.splitlines()

    assert ran.code == 2
    words, _, data = first.partition(" | ")
    assert words == (
        "HAMMERD CRITICAL - mail: parked, uuid_mismatch, looked at again in 42s, lag unknown "
        "(5 pairs: 1 critical, 1 warning, 3 ok)"
    )
    assert others == [
        "hammerd: tid clocks not saved: a/b full",
        "web: streaming, 6m40s behind",
        "home: streaming, 0s behind",
        "off: disabled",
        "pst: paused, 1m00s behind",
    ]
    assert [each.partition("=")[0] for each in data.split()] == [
        *("'home_lag'", "'home_lag_tids'", "'web_lag'", "'web_lag_tids'"),
        *("'pst_lag'", "'pst_lag_tids'", "'mail_lag'", "'mail_lag_tids'"),
    ]
    assert all(PERFORMANCE.fullmatch(each) for each in data.split())
    assert "'mail_lag'=U;300;1800;0" in data
    assert ran.out.count("|") == 1


def test_unknown_lag_is_printed_once_with_its_reason(
    nagios, start_daemon, make_pair: MakePair, make_status
):
    because = "slave /s cannot be read: probe_timeout"
    blind = make_pair("a", lag_s=None, lag_unknown_because=because, health="critical")
    start_daemon(Answer(make_status(blind) | {"health": "critical"}))

    ran = nagios()

    assert ran.out.startswith(
        f"HAMMERD CRITICAL - a: streaming, lag unknown: {because} (1 pair: 1 critical) | "
    )


def test_no_daemon_is_critical(nagios, run_dir):
    ran = nagios()

    assert (ran.code, ran.err) == (2, "")
    assert ran.out.splitlines()[0] == (
        f"HAMMERD CRITICAL - no hammerd answers at {run_dir}/status.sock: nobody mends a stream "
        "that fails now"
    )


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Refusal('no such pair: "a|b"', "known: home"), 'no such pair: "a/b"'),
        (Answer({"schema_version": 99}), "answers with a status of version 99"),
        (Answer({"schema_version": 1}), "KeyError: 'health'"),
        (Answer({"schema_version": 1, "health": "odd", "pairs": 7, "hammerd": 7}), "Error"),
        (b"rubbish\n", "is no hammerd"),
    ],
)
def test_what_cannot_be_judged_is_unknown(nagios, start_daemon, reply: object, words: str):
    start_daemon(reply)

    ran = nagios()

    assert (ran.code, ran.err) == (3, "")
    assert ran.out.startswith("HAMMERD UNKNOWN - ")
    assert words in ran.out


def test_a_config_that_cannot_be_read_is_unknown(hammerd, run_dir):
    ran = hammerd("status", "--nagios", "-c", run_dir / "none.toml")

    assert (ran.code, ran.err) == (3, "")
    assert ran.out.startswith("HAMMERD UNKNOWN - cannot read ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--watch",), "say one of --nagios and --watch"),
        (("--json",), "say one of --json and --nagios"),
        (("--no|such",), "No such option"),
    ],
)
def test_wrong_usage_is_unknown_too(nagios, arguments: tuple[str, ...], words: str):
    ran = nagios(*arguments)

    assert ran.code == 3
    assert ran.out.startswith(f"HAMMERD UNKNOWN - {words}")
    assert "|" not in ran.out
    assert "Usage: hammerd status" in ran.err
