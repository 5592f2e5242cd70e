"""`hammerd report`: its table, its verdict, and its exit status."""

import json
from pathlib import Path

import pytest

from hammerd.cli.output.failures import CommandFailed, NoDaemon
from hammerd.cli.output.spans import plain_text
from hammerd.cli.report.facts import Facts, PastOf, is_restart
from hammerd.cli.report.layout import is_well, report_lines
from hammerd.core.api.history_schema import EventRow, LagRow, LagSummary
from hammerd.core.api.protocol import Answer
from hammerd.core.exit_codes import Exit
from hammerd.daemon.history.database import HistoryFile, Rows

DAY_MS = 86_400_000
AT_MS = 1_800_014_400_000
"""2027-01-15 12:00 UTC."""

PAST = {
    "home": PastOf(LagSummary(10, 0, 0.0, 0.0, 250.0, AT_MS - 3_600_000), 2),
    "mail": PastOf(LagSummary(10, 10), 0),
}

TEXT = """\
hammerd on alpha: 1 of 2 pairs needs a look (1d00h up to 2027-01-15 12:00 UTC)

   PAIR  STATE      MAX LAG  AT     RESTARTS  SAFE-UNTIL      FREE  VERIFIED
   home  streaming    4m10s  11:00         2  01-15 11:59  11.8 GB  6d00h ago
!! mail  parked     unknown  -             0  -                  -  never
      uuid_mismatch
      hint: make it anew
      complained 2 times: B-Tree CRC failed
      shown until "hammerd ack mail"

errors in the log:
  mail  pair.parked  3 times

hammerd was started 1 time."""


@pytest.fixture
def pairs(make_pair):
    verified = {
        "time": "2027-01-09T12:00:00.000Z",
        "tid": "0x1",
        "is_equal": True,
        "differences": 0,
        "is_sample": False,
        "is_acknowledged": False,
    }
    complaint = {"name": "crc", "count": 2, "text": "B-Tree CRC failed", "hint": None}
    return (
        make_pair(
            "home",
            safe_until_time="2027-01-15T11:59:59.000Z",
            slave_free_bytes=int(11.8 * 2**30),
            verified=verified,
        ),
        make_pair(
            "mail",
            state="parked",
            health="critical",
            because="uuid_mismatch",
            hint="make it anew",
            lag_s=None,
            gear=None,
            complaints=[complaint],
        ),
    )


def facts_of(status, **changes) -> Facts:
    values = {"past": PAST, "last": None, "absence": None, **changes}
    return Facts(AT_MS, AT_MS - DAY_MS, status, **values)


def text_of(facts: Facts) -> str:
    return "\n".join(map(plain_text, report_lines(facts, "alpha")))


def test_report_tells_of_each_pair_and_what_is_wrong(make_status, pairs) -> None:
    facts = facts_of(make_status(*pairs), errors={("mail", "pair.parked"): 3}, daemon_starts=1)

    assert text_of(facts) == TEXT
    assert not is_well(facts)


def test_report_of_healthy_pairs_says_so(make_status, pairs) -> None:
    facts = facts_of(make_status(pairs[0]))

    assert is_well(facts)
    assert text_of(facts).startswith("hammerd on alpha: 1 pair, all well (")


@pytest.mark.parametrize(
    "change",
    [
        {"errors": {("", "history.damaged"): 1}},
        {"unread_because": "no such file"},
        {"status": None, "absence": NoDaemon("no hammerd answers")},
    ],
)
def test_report_is_not_well_when(change, make_status, pairs) -> None:
    status = change.pop("status", make_status(pairs[0]))

    assert not is_well(facts_of(status, **change))


@pytest.mark.parametrize(
    "trouble",
    [
        {"complaints": [{"name": "crc", "count": 1, "text": "CRC", "hint": None}]},
        {"health": "unknown"},
        {"health": "warning"},
    ],
)
def test_pair_needs_a_look_when(trouble, make_status, make_pair) -> None:
    assert not is_well(facts_of(make_status(make_pair("home", **trouble))))


def test_trouble_of_the_daemon_itself_is_told(make_status, pairs) -> None:
    status = make_status(pairs[0])
    status["hammerd"]["reload_refused_because"] = "the config has a fault"
    facts = facts_of(status)

    assert not is_well(facts)
    assert "pair well, but see below" in text_of(facts)
    assert "! config refused: the config has a fault" in text_of(facts)


def test_alarms_that_stand_are_told_by_cause(make_status, make_pair) -> None:
    names = ("web1", "web2", "web3", "mail", None)
    status = make_status(*(make_pair(name) for name in names if name))
    status["hammerd"]["alarms"] = [
        {
            "pair": name,
            "level": "warning",
            "because": "connection_lost" if name else "state_unsaved",
            "since_time": "2027-01-15T11:40:07.000Z",
            "told_time": "2027-01-15T11:41:00.000Z",
            "is_acknowledged": name == "mail",
        }
        for name in names
    ]
    facts = facts_of(status)

    assert not is_well(facts)
    assert text_of(facts).endswith(
        """
alarms that stand:
  warning  connection_lost  since 2027-01-15 11:40  web1, web2, web3 (3 pairs)
  warning  connection_lost  since 2027-01-15 11:40  mail, acknowledged
  warning  state_unsaved    since 2027-01-15 11:40  hammerd itself"""
    )
    status["hammerd"]["alarms"] = [status["hammerd"]["alarms"][3]]
    assert is_well(facts)


def test_hint_that_many_pairs_share_is_told_once(make_status, make_pair) -> None:
    trouble = {"health": "warning", "because": "host_unknown", "hint": "ask the resolver"}
    pairs = [make_pair(name, **trouble) for name in ("web1", "web2", "web3")]

    text = text_of(facts_of(make_status(*pairs), past={}))

    assert text.count("ask the resolver") == 1
    assert "! web1, web2, web3 (3 pairs): host_unknown" in text
    assert "!  web1  streaming        -  -" in text


@pytest.mark.parametrize(
    ("event", "level", "expected"),
    [
        ("pair.stopping", "warning", True),
        ("pair.stopping", "info", False),
        ("pair.parked", "error", False),
    ],
)
def test_restart_is_a_stream_that_was_lost(event: str, level: str, expected: bool) -> None:
    assert is_restart(EventRow(0, "home", event, level, "{}")) is expected


@pytest.fixture
def config(tmp_path: Path, run_dir: Path) -> Path:
    (tmp_path / "db").mkdir()
    config = tmp_path / "hammerd.toml"
    config.write_text(f'[daemon]\nstate_dir = "{tmp_path}/db"\nrun_dir = "{run_dir}"\n')
    return config


def test_command_reads_status_and_history(
    hammerd, start_daemon, make_status, make_pair, config: Path
) -> None:
    history = config.parent / "db/history.db"
    lag = LagRow(AT_MS + 1_000, "home", "behind", 3, 250.0, None, None)
    lost = EventRow(AT_MS + 1_000, "home", "pair.stopping", "warning", "{}")
    HistoryFile(history, None).write(Rows((lost,), (lag,)))
    status = make_status(make_pair("home"))
    status["hammerd"]["history_path"] = str(history)
    start_daemon(Answer(status))
    words = ("-c", str(config), "report", "--since", "2027-01-15 12:00")

    told = hammerd(*words)
    silent = hammerd(*words, "--quiet")
    data = json.loads(hammerd(*words, "--json").out)

    assert (told.code, silent.code, silent.out) == (0, 0, "")
    assert "home  streaming    4m10s" in told.out
    assert data["is_well"] is True
    assert (data["pairs"][0]["restarts"], data["pairs"][0]["max_lag_s"]) == (1, 250.0)


def test_report_of_who_may_not_ask_does_not_say_that_nothing_runs() -> None:
    refused = CommandFailed("no permission to open status.sock", code=Exit.NO_PERMISSION)

    text = text_of(facts_of(None, absence=refused))

    assert text.startswith("hammerd on alpha: you may not ask how the mirrors fare (")
    assert "no hammerd answers" not in text


def test_command_without_a_daemon_exits_with_69(hammerd, config: Path) -> None:
    ran = hammerd("-c", str(config), "report", "--quiet")

    assert ran.code == 69
    assert "no hammerd answers" in ran.out
