"""`hammerd lag` for a prepared history, with and without a daemon."""

import csv
import io
import json
import time
from pathlib import Path

import pytest

from hammerd.core.api.history_schema import EventRow, LagRow
from hammerd.core.api.protocol import Answer
from hammerd.daemon.history.database import HistoryFile, Rows

MINUTE_MS = 60_000
NOON_MS = 1_772_625_600_000
"""2026-03-04 12:00 UTC."""

NOON, TWO = "2026-03-04 12:00", "2026-03-04 14:00"
TID = "0x0000000100580a8f"


def sample(minute: float, seconds: float | None, pair: str = "home") -> LagRow:
    verdict = "unknown" if seconds is None else "behind" if seconds else "in_sync"
    tids = None if seconds is None else int(seconds)
    safe_s = None if seconds is None else seconds + 30.0
    time_ms = NOON_MS + round(minute * MINUTE_MS)
    return LagRow(time_ms, pair, verdict, tids, seconds, TID, TID, safe_s)


def event(name: str, minute: int, pair: str | None = "home", **fields: object) -> EventRow:
    return EventRow(NOON_MS + minute * MINUTE_MS, pair, name, "info", json.dumps(fields))


SAMPLES = (
    # In sync for an hour, but for a pause of 20 minutes; then hammerd does not run.
    *(sample(minute, 0.0) for minute in range(10)),
    *(sample(minute, 60.0 * (minute - 10)) for minute in range(10, 30)),
    *(sample(minute, 0.0) for minute in range(30, 59)),
    *(sample(minute, None, "web") for minute in range(60)),
    sample(59, 0.0),
)
EVENTS = (
    event("daemon.started", -600, None),
    event("pair.streaming", -600, gear="following"),
    event("pair.stopping", 10, because="pause"),
    event("pair.stopped", 10, because="pause"),
    event("pair.launching", 29, gear="following"),
    event("daemon.stopped", 60, None),
)

TABLE = """\
since 2026-03-04 12:00 UTC:
PAIR     LAST  MEDIAN     P95     MAX  AT (UTC)          WITHIN  UNKNOWN  NO DATA  COURSE
home       0s      0s  16m00s  19m00s  2026-03-04 12:29     77%       0%      50%
web   unknown       -       -       -  -                     0%     100%      50%
"""

DETAIL = """\
home since 2026-03-04 12:00 UTC, 2h00m:

median     0s, 95 % of the time within 16m00s
max        19m00s at 2026-03-04 12:29
in sync    68% of the time
within     77% of the time, of lag_warning (5m00s)
no data    50% of the period (1h00m)

▁▁▁▁▁▁▁▁▂▃▃▄▄▅▆▆▇███▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁
2026-03-04 12:00                                               2026-03-04 14:00

FROM (UTC)          MIN  MEDIAN     P95     MAX  WITHIN  UNKNOWN  NO DATA
2026-03-04 12:00     0s      0s   4m00s   4m00s    100%       0%       0%
2026-03-04 12:15  5m00s  12m00s  19m00s  19m00s   6.67%       0%       0%
"""

WHY = """\
home since 2026-03-04 12:00 UTC, 2h00m:
2026-03-04 12:12 - 12:30   max 19m00s  paused
2026-03-04 13:00 - 14:00   no data     hammerd did not run
"""

LOSS = """\
had the masters died at 2026-03-04 12:20:30 UTC:
home:
  everything flushed by 2026-03-04 12:09:30 was safe; the writes of up to 11m00s
    would have been lost
  had the slave's host lost its power too: unknown, no flush of the slave was
    seen
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config whose state_dir holds a history; no daemon runs."""
    (tmp_path / "db").mkdir()
    HistoryFile(tmp_path / "db/history.db", None).write(Rows(EVENTS, SAMPLES))
    config = tmp_path / "hammerd.toml"
    pairs = "".join(
        f'[pairs.{name}]\nmaster = "/Master/pfs/{name}"\nslave = "/Slave/pfs/{name}"\n'
        for name in ("home", "web")
    )
    daemon = f'[daemon]\nstate_dir = "{tmp_path}/db"\nrun_dir = "{tmp_path}/run"\n'
    config.write_text(daemon + pairs)
    return config


def without_now(text: str) -> str:
    """Return an output without the line and the column that depend on the time of the test."""
    lines = [line for line in text.splitlines() if not line.startswith("last ")]
    heading = next((line for line in lines if "  AGE" in line), "")
    begin, end = heading.find("LAST") + len("LAST"), heading.find("AGE") + len("AGE")
    is_row = False
    kept = []
    for line in lines:
        is_row = is_row or line == heading
        kept.append(line[:begin] + line[end:] if heading and is_row else line)
    return "".join(f"{line}\n" for line in kept)


def test_all_pairs_are_shown_in_a_table(hammerd, config: Path):
    ran = hammerd("lag", "-c", config, "--since", NOON, "--until", TWO, columns=114)

    assert ran.code == 69
    # What is left of the line is for the course: how much that is depends on the age.
    assert [line.partition("50%")[0] for line in without_now(ran.out).splitlines()] == [
        line.partition("50%")[0] for line in TABLE.splitlines()
    ]
    assert "COURSE" in ran.out


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("home",), DETAIL),
        (("hom?", "--why"), WHY),
        (("home", "--at", "2026-03-04 12:20:30"), LOSS),
    ],
)
def test_the_past_is_shown_without_a_daemon(hammerd, config: Path, words, wanted: str):
    ran = hammerd("lag", *words, "-c", config, "--since", NOON, "--until", TWO)

    assert ran.code == 69
    assert without_now(ran.out)[: len(wanted)] == wanted
    assert "no hammerd answers at" in ran.err
    assert "this is what it left" in " ".join(ran.err.split())
    assert max(map(len, ran.out.splitlines())) <= 80


def test_marks_stand_below_the_course_of_a_pair(hammerd, config: Path):
    ran = hammerd("lag", "home", "-c", config, "--since", NOON, "--until", TWO)

    assert ran.out.partition("NO DATA\n")[2].partition("\n\n")[2].splitlines() == [
        "2026-03-04 12:10 - 12:29   paused",
        "2026-03-04 13:00 -         hammerd did not run",
    ]


def test_csv_has_a_line_for_each_sample(hammerd, config: Path):
    ran = hammerd("lag", "home", "-c", config, "--since", NOON, "--until", TWO, "--csv")

    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert len(rows) == 60
    assert rows[12] == {
        "time": "2026-03-04T12:12:00.000Z",
        "pair": "home",
        "lag_verdict": "behind",
        "lag_s": "120.0",
        "lag_tids": "120",
        "master_tid": TID,
        "slave_tid": TID,
        "safe_until_time": "2026-03-04T12:09:30.000Z",
        "durable_until_time": "",
    }


def test_json_of_a_named_pair_holds_all(hammerd, config: Path):
    ran = hammerd(
        *("lag", "home", "-c", config, "--since", NOON, "--until", TWO, "--json"),
        *("--at", "2026-03-04T12:20:30Z"),
    )

    data = json.loads(ran.out)
    assert (data["schema_version"], data["hammerd_answers"]) == (1, False)
    assert data["since_time"] == "2026-03-04T12:00:00.000Z"
    assert data["until_time"] == "2026-03-04T14:00:00.000Z"
    assert data["history_unreadable_because"] is None
    (home,) = data["pairs"]
    assert (home["sample_count"], home["unknown_count"], len(home["samples"])) == (60, 0, 60)
    assert (home["min_s"], home["median_s"], home["max_s"]) == (0.0, 0.0, 1140.0)
    assert home["max_time"] == "2026-03-04T12:29:00.000Z"
    assert home["now"] is None
    assert home["last"]["time"] == "2026-03-04T12:59:00.000Z"
    assert (home["lag_warning_s"], home["summary"]["no_data_s"]) == (300.0, 3600.0)
    assert [each["kind"] for each in home["marks"]] == ["paused", "daemon_down"]
    assert [each["cause"]["kind"] for each in home["episodes"]] == ["paused", "daemon_down"]
    assert (home["forecast"], len(home["buckets"])) == (None, 120)
    assert home["at"]["lost_s"] == 660.0


def test_json_of_all_pairs_has_no_samples(hammerd, config: Path):
    ran = hammerd("lag", "-c", config, "--since", NOON, "--until", TWO, "--json")

    home, web = json.loads(ran.out)["pairs"]
    assert (home["samples"], home["sample_count"]) == (None, 60)
    assert (web["unknown_count"], web["summary"]["unknown_share"]) == (60, 1.0)
    assert web["last"]["lag_s"] is None


def test_local_times_are_named_by_their_zone(hammerd, config: Path, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")

    ran = hammerd(
        *("lag", "home", "-c", config, "--local", "--since", "2026-03-04 13:00"),
        *("--until", "2026-03-04 15:00", "--ascii"),
    )

    assert ran.out.splitlines()[0] == "home since 2026-03-04 13:00 CET (UTC+01:00), 2h00m:"
    assert "max        19m00s at 2026-03-04 13:29" in ran.out
    assert ran.out.isascii()


def test_the_daemon_tells_the_lag_of_now(
    hammerd, start_daemon, make_status, make_pair, config: Path
):
    now_ms = round(time.time() * 1_000)
    falling = [
        LagRow(now_ms - ago * 1_000, "home", "behind", 9, 900.0 - ago, TID, hex(ago), 960.0)
        for ago in range(300, 0, -30)
    ]
    HistoryFile(config.parent / "db/history.db", None).write(Rows((), falling))
    status = make_status(
        make_pair("home", lag_s=900.0, lag_verdict="behind", lag_warning_s=60.0), make_pair("new")
    )
    status["hammerd"]["history_path"] = str(config.parent / "db/history.db")
    run_dir = start_daemon(Answer(status)).run_dir

    ran = hammerd("lag", "--run-dir", run_dir, "--since", "1h", columns=120)
    one = hammerd("lag", "home", "--run-dir", run_dir, "--since", "1h")
    as_json = json.loads(hammerd("lag", "home", "--run-dir", run_dir, "--json").out)

    assert (ran.code, ran.err) == (0, "")
    rows = [line.split()[:3] for line in ran.out.splitlines()[1:]]
    assert rows[:3] == [
        ["PAIR", "NOW", "MEDIAN"],
        ["home", "15m00s", "12m30s"],
        ["new", "0s", "-"],
    ]
    assert ran.out.splitlines()[-1] == "home: falling behind"
    assert one.out.splitlines()[2] == "now        15m00s, behind, falling behind"
    assert as_json["hammerd_answers"] is True
    assert as_json["pairs"][0]["now"]["master_tid"] == TID
    assert as_json["pairs"][0]["forecast"] == {"outlook": "falling_behind", "eta_s": None}
    assert as_json["pairs"][0]["lag_warning_s"] == 60.0


def test_of_a_paused_pair_no_progress_is_wanted(
    hammerd, start_daemon, make_status, make_pair, config: Path
):
    now_ms = round(time.time() * 1_000)
    falling = [
        LagRow(now_ms - ago * 1_000, "home", "behind", 9, 900.0 - ago, TID, hex(ago), 960.0)
        for ago in range(300, 0, -30)
    ]
    HistoryFile(config.parent / "db/history.db", None).write(Rows((), falling))
    behind = {"lag_s": 900.0, "lag_verdict": "behind", "lag_warning_s": 60.0}
    status = make_status(make_pair("home", wanted="paused", state="stopped", **behind))
    status["hammerd"]["history_path"] = str(config.parent / "db/history.db")
    run_dir = start_daemon(Answer(status)).run_dir

    ran = hammerd("lag", "home", "--run-dir", run_dir, "--since", "1h")
    told = hammerd("status", "--run-dir", run_dir)

    assert ran.out.splitlines()[2] == "now        15m00s, behind, paused"
    assert "falling behind" not in told.out


def test_a_pair_without_samples_is_told_in_two_lines(
    hammerd, start_daemon, make_status, make_pair, config: Path
):
    unknown = {"lag_s": None, "lag_verdict": "unknown", "lag_unknown_because": "slave S is gone"}
    pairs = (
        make_pair("new", **unknown),
        make_pair("off", **{**unknown, "wanted": "down", "because": "disabled"}),
    )
    status = make_status(*pairs)
    status["hammerd"]["history_path"] = str(config.parent / "db/history.db")
    run_dir = start_daemon(Answer(status)).run_dir

    shown = {
        name: hammerd("lag", name, "--run-dir", run_dir, "--since", NOON, "--until", TWO).out
        for name in ("new", "off", "web")
    }

    now = "unknown, slave S is gone", "-, disabled"
    for name, wanted in zip(("new", "off"), now, strict=True):
        assert shown[name].splitlines()[1:4] == [
            "",
            f"now        {wanted}",
            "no data    the lag was not sampled in this period",
        ]
    assert shown["web"].splitlines()[2] == "now        -, not in the config"


def test_the_lag_of_now_is_shown_without_a_history(
    hammerd, start_daemon, make_status, make_pair, tmp_path: Path
):
    status = make_status(make_pair("home"))
    status["hammerd"]["history_path"] = str(tmp_path / "none.db")
    run_dir = start_daemon(Answer(status)).run_dir

    ran = hammerd("lag", "--run-dir", run_dir)

    assert ran.code == 0
    assert ran.out.splitlines()[2].split()[:2] == ["home", "0s"]
    assert "there is no history at" in ran.err


def test_a_missing_history_is_told_before_a_missing_pair(hammerd, config: Path):
    (config.parent / "db/history.db").unlink()

    ran = hammerd("lag", "home", "-c", config)

    assert (ran.code, ran.out) == (66, "")
    assert "there is no history at" in ran.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--json", "--csv"), "choose one of --csv, --json"),
        (("--why", "--at", "1h"), "choose one of --why, --at"),
        (("--at", "2126-03-04"), "is still to come"),
        (("--since", "1h", "--until", "2h"), "--until is not after --since"),
    ],
)
def test_contradictions_are_refused(hammerd, config: Path, words, reason: str):
    ran = hammerd("lag", "-c", config, *words)

    assert (ran.code, ran.out) == (64, "")
    assert reason in " ".join(ran.err.split())


def test_samples_of_a_clock_that_was_ahead_are_left_out(hammerd, config: Path):
    now_ms = round(time.time() * 1_000)
    times_ms = [now_ms - 20 * MINUTE_MS, now_ms + 30 * 24 * 60 * MINUTE_MS, now_ms - MINUTE_MS]
    rows = [LagRow(ms, "old", "behind", 1, 5.0, TID, TID) for ms in times_ms]
    HistoryFile(config.parent / "db/history.db", None).write(Rows((), rows))

    data = json.loads(hammerd("lag", "old", "-c", config, "--since", "1h", "--json").out)

    assert data["pairs"][0]["sample_count"] == 2


def test_a_pair_of_the_config_that_was_never_sampled_is_known(hammerd, config: Path):
    with config.open("a") as file:
        file.write('[pairs.new]\nmaster = "/Master/pfs/new"\nslave = "/Slave/pfs/new"\n')
    ahead = LagRow(round(time.time() * 1_000) + 86_400_000, "odd", "behind", 1, 5.0, TID, TID)
    HistoryFile(config.parent / "db/history.db", None).write(Rows((), (ahead,)))

    new, odd = (hammerd("lag", name, "-c", config) for name in ("new", "odd"))

    assert (new.code, new.out.splitlines()[2]) == (69, "last       -")
    assert odd.out.splitlines()[2] == "last       5s, of a time to come: was a clock wrong?"


def test_the_status_tells_whether_a_late_pair_catches_up(
    hammerd, start_daemon, make_status, make_pair, config: Path
):
    now_ms = round(time.time() * 1_000)
    rows = [
        LagRow(now_ms - ago * 1_000, name, "behind", 9, 900.0 + ago, TID, hex(ago))
        for ago in range(300, 0, -30)
        for name in ("home", "busy")
    ]
    HistoryFile(config.parent / "db/history.db", None).write(Rows((), rows))
    late = {"lag_s": 900.0, "lag_verdict": "behind"}
    status = make_status(
        make_pair("home", **late),
        make_pair("busy", gear="bulk", **late),
        make_pair("soon", lag_s=20.0, lag_verdict="behind"),
    )
    status["hammerd"]["history_path"] = str(config.parent / "db/history.db")
    run_dir = start_daemon(Answer(status)).run_dir

    ran = hammerd("status", "--run-dir", run_dir)

    notes = [line.strip() for line in ran.out.splitlines() if "catching" in line]
    # A second less each second, from 930 s on.
    assert notes == ["late: catching up, 15m"]
