"""`hammerd events` and `hammerd lag`: their output for a history, with and without a daemon."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from hammerd.core.api.history_schema import EventRow, LagRow
from hammerd.daemon.history.database import HistoryFile, Rows

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
NOON_MS = 1_800_014_400_000
"""2027-01-15 12:00 UTC, a value of --since in these tests."""

NOON, EARLIER = "2027-01-15T12:00:00Z", "2027-01-15T08:00:00+00:00"
TID = "0x0000000100580a8f"


def event(
    name: str, minute: int, pair: str | None = "home", level: str = "info", **fields: object
):
    return EventRow(NOON_MS + minute * MINUTE_MS, pair, name, level, json.dumps(fields))


def sample(minute: int, seconds: float | None, pair: str = "home") -> LagRow:
    verdict = "unknown" if seconds is None else "behind" if seconds else "in_sync"
    tids = None if seconds is None else int(seconds)
    return LagRow(NOON_MS + minute * MINUTE_MS, pair, verdict, tids, seconds, TID, TID)


EVENTS = (
    event("daemon.started", -300, None, pid=4711),
    event("pair.streaming", 0, from_state="launching", gear="following"),
    event(
        "pair.parked",
        1,
        level="error",
        because="uuid_mismatch",
        hint="the slave /Backup2/pfs/home was made for another master: make it anew",
    ),
    event("orphan.found", 2, "web", "warning", pgid=12),
    event("pair.stopped", 3, None, text="\x1b[31m\x9b"),
)
SAMPLES = (
    sample(-300, 99.0),
    *(sample(minute, 0.0) for minute in range(5)),
    sample(30, 250.0),
    sample(45, None),
    sample(60, None, "web"),
)

TABLE = """\
   TIME (UTC)           PAIR  EVENT
   2027-01-15 12:00:00  home  pair.streaming from_state=launching gear=following
!! 2027-01-15 12:01:00  home  pair.parked because=uuid_mismatch hint="the slave
                                /Backup2/pfs/home was made for another master:
                                make it anew"
!  2027-01-15 12:02:00  web   orphan.found pgid=12
   2027-01-15 12:03:00  -     pair.stopped text="\\u001b[31m\\u009b"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config whose state_dir holds a history; no daemon runs."""
    (tmp_path / "db").mkdir()
    HistoryFile(tmp_path / "db/history.db", None).write(Rows(EVENTS, SAMPLES))
    config = tmp_path / "hammerd.toml"
    config.write_text(f'[daemon]\nstate_dir = "{tmp_path}/db"\nrun_dir = "{tmp_path}/run"\n')
    return config


def history_path_of(config: Path) -> Path:
    return config.parent / "db/history.db"


def test_events_are_shown_in_80_columns(hammerd, config: Path):
    ran = hammerd("events", "-c", config, "--since", NOON)

    assert (ran.code, ran.out, ran.err) == (0, TABLE, "")


@pytest.mark.parametrize("columns", [1, 20, 30, 34, 40, 43, 44, 50, 58, 66, 80, 200])
def test_a_narrow_terminal_shows_all_event_names(hammerd, config: Path, columns: int):
    ran = hammerd("events", "-c", config, "--since", EARLIER, columns=columns)

    words = ran.out.split()
    assert [name for name in words if name in {each.event for each in EVENTS}] == [
        each.event for each in EVENTS[1:]
    ]
    assert "from_state=launching" in words
    assert columns < 40 or max(map(len, ran.out.splitlines())) <= columns


def test_events_of_a_pair_are_its_own(hammerd, config: Path):
    ran = hammerd("events", "web", "-c", config, "--since", EARLIER)

    assert [line.split()[-2:] for line in ran.out.splitlines()[1:]] == [
        ["orphan.found", "pgid=12"]
    ]


def test_a_pattern_chooses_the_events_of_pairs(hammerd, config: Path):
    chosen = hammerd("events", "w*", "-c", config, "--since", EARLIER)
    none = hammerd("events", "x*", "-c", config, "--since", EARLIER)

    assert [line.split()[3] for line in chosen.out.splitlines()[1:]] == ["web"]
    assert (none.code, none.out) == (64, "")
    assert 'no pair matches "x*"' in " ".join(none.err.split())


def test_events_as_json(hammerd, config: Path):
    ran = hammerd("events", "home", "-c", config, "--since", NOON, "--json")

    data = json.loads(ran.out)
    assert data["schema_version"] == 1
    assert [each["event"] for each in data["events"]] == ["pair.streaming", "pair.parked"]
    assert data["events"][0] == {
        "id": 2,
        "time": "2027-01-15T12:00:00.000Z",
        "pair": "home",
        "event": "pair.streaming",
        "level": "info",
        "fields": {"from_state": "launching", "gear": "following"},
    }


def test_no_events_are_reported_as_none(hammerd, config: Path):
    ran = hammerd("events", "-c", config, "--since", "2027-01-16T00:00:00Z")
    as_json = hammerd("events", "-c", config, "--since", "2027-01-16T00:00:00Z", "--json")

    asked_for_none = hammerd("events", "-c", config, "--since", NOON, "-n", "0")

    assert (ran.code, ran.out) == (0, "nothing happened since 2027-01-16 00:00:00 UTC\n")
    assert (asked_for_none.code, asked_for_none.out) == (0, "")
    assert json.loads(as_json.out)["events"] == []


@pytest.mark.parametrize("command", ["events", "lag"])
def test_an_unknown_pair_is_refused(hammerd, config: Path, command: str):
    ran = hammerd(command, "hom", "-c", config)

    assert (ran.code, ran.out) == (64, "")
    assert 'history.db: no such pair: "hom" (did you mean "home"?)' in " ".join(ran.err.split())
    assert "known: home, web" in ran.err


def test_a_pair_to_which_nothing_happened_is_known(hammerd, config: Path):
    with config.open("a") as file:
        file.write('[pairs.off]\nmaster = "/Master/pfs/off"\nslave = "/Slave/pfs/off"\n')

    off = hammerd("events", "off", "-c", config, "--since", NOON)
    both = hammerd("events", "off", "home", "-c", config, "--since", NOON, "--json")

    assert (off.code, off.out.split(" since ")[0]) == (0, "nothing happened")
    assert {each["pair"] for each in json.loads(both.out)["events"]} == {"home"}


@pytest.mark.parametrize("since", ["3", "soon", "1 month"])
@pytest.mark.parametrize("command", ["events", "lag"])
def test_an_invalid_since_is_wrong_usage(hammerd, config, command: str, since: str):
    ran = hammerd(command, "-c", config, "--since", since)

    assert (ran.code, ran.out) == (64, "")
    assert f"{since} is no time; write one like these: 2h, 1w," in " ".join(ran.err.split())


def test_since_accepts_the_times_that_events_prints(hammerd, config: Path):
    ran = hammerd("events", "-c", config, "--since", "2027-01-15 12:00:00")

    assert (ran.code, ran.out) == (0, TABLE)


def test_an_absent_daemon_with_another_run_dir_needs_its_config(hammerd, tmp_path: Path):
    for command in ("events", "lag"):
        ran = hammerd(command, "--run-dir", tmp_path)

        assert (ran.code, ran.out) == (69, "")
        assert "name its config with -c FILE" in ran.err


# --- what cannot be read -------------------------------------------------------------------------


def spoil(path: Path, how: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        match how:
            case "newer":
                connection.execute("PRAGMA user_version = 7")
            case "foreign":
                connection.execute("PRAGMA application_id = 7")
            case _:
                path.unlink()
    if how == "empty":
        path.touch()
    elif how == "garbage":
        path.write_bytes(b"x" * 9_000)
    elif how == "fifo":
        os.mkfifo(path)


@pytest.mark.parametrize(
    ("how", "failed"),
    [
        ("gone", (66, "there is no history at")),
        ("empty", (66, "there is nothing in")),
        ("garbage", (65, "file is not a database")),
        ("foreign", (65, "it is no history of hammerd")),
        ("fifo", (65, "it is not a file")),
        ("newer", (76, "it is of version 7, and this command knows 2")),
    ],
)
@pytest.mark.parametrize("command", ["events", "lag"])
def test_an_unreadable_history_is_reported(
    hammerd, config: Path, command: str, how: str, failed: tuple[int, str]
):
    spoil(history_path_of(config), how)

    ran = hammerd(command, "-c", config)

    assert (failed[0], "") == (ran.code, ran.out)
    assert failed[1] in " ".join(ran.err.split())


@pytest.mark.long
def test_a_locked_history_is_waited_for_and_reported(hammerd, config: Path):
    with closing(sqlite3.connect(history_path_of(config), isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")

        ran = hammerd("events", "-c", config)

    assert (ran.code, ran.out) == (75, "")
    assert "database is locked" in ran.err


def test_a_history_left_half_written_is_read_as_it_was_before(hammerd, config: Path):
    path = history_path_of(config)
    left = path.with_name("left.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE event_rows SET event = 'half.written'")
        many = [(event(f"half.{number}", 1),) for number in range(2_000)]
        writer.executemany(
            "INSERT INTO event_rows (era, after_ms, event, level, fields) "
            "VALUES (0, 1, ?, 'info', '{}')",
            [(f"half.{number}" * 20,) for number in range(len(many))],
        )
        # The file as a kill at this moment would leave it.
        left.write_bytes(path.read_bytes())
        journal = Path(f"{path}-journal").read_bytes()
    path.write_bytes(left.read_bytes())
    Path(f"{path}-journal").write_bytes(journal)
    before = path.read_bytes()

    ran = hammerd("events", "-c", config, "--since", NOON)

    assert (ran.code, ran.out, ran.err) == (0, TABLE, "")
    assert path.read_bytes() == before


def test_a_reader_writes_nothing(hammerd, config: Path):
    db = config.parent / "db"
    before = {file.name: file.stat().st_mtime_ns for file in db.iterdir()}

    hammerd("events", "-c", config)
    hammerd("lag", "-c", config)

    assert {file.name: file.stat().st_mtime_ns for file in db.iterdir()} == before


def test_without_sqlite_the_package_is_named():
    script = (
        "import sys; sys.modules['sqlite3'] = None; "
        "from hammerd.cli.main import main; sys.exit(main(['events', '-c', '/dev/null']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )

    assert (ran.returncode, ran.stdout) == (69, "")
    assert "sqlite3" in ran.stderr
    assert "hint: install it: pkg install py3" in ran.stderr


def test_the_default_since_is_a_day(hammerd, config: Path):
    now_ms = round(time.time() * 1_000)
    rows = [
        EventRow(now_ms - hours * HOUR_MS, "home", name, "info", "{}")
        for hours, name in ((25, "two.days"), (23, "one.day"))
    ]
    history_path_of(config).unlink()
    HistoryFile(history_path_of(config), None).write(Rows(rows))

    ran = hammerd("events", "-c", config)

    assert [line.split()[-1] for line in ran.out.splitlines()[1:]] == ["one.day"]


# --- a clock that was ahead for a while --------------------------------------------------------

AHEAD_MS = 30 * 24 * HOUR_MS


@pytest.fixture
def once_ahead(config: Path) -> Path:
    """A config with a history of this hour, in which the clock was 30 days ahead for a while."""
    now_ms = round(time.time() * 1_000)
    times_ms = [now_ms - 20 * MINUTE_MS, now_ms + AHEAD_MS, now_ms - 5 * MINUTE_MS]
    events = [
        EventRow(ms, "home", f"at.{number}", "info", "{}") for number, ms in enumerate(times_ms)
    ]
    samples = [
        LagRow(ms, "home", "behind", 1, 5.0, TID, TID) for ms in (*times_ms, now_ms + AHEAD_MS)
    ]
    history_path_of(config).unlink()
    HistoryFile(history_path_of(config), None).write(Rows(events, samples))
    return config


def test_events_are_shown_up_to_now(hammerd, once_ahead: Path):
    ran = hammerd("events", "-c", once_ahead, "--since", "1h")
    as_json = hammerd("events", "-c", once_ahead, "--since", "1h", "--json")

    assert [line.split()[-1] for line in ran.out.splitlines()[1:]] == ["at.0", "at.2"]
    assert [each["event"] for each in json.loads(as_json.out)["events"]] == ["at.0", "at.2"]
    assert "1 event of times to come" in " ".join(ran.err.split())


def test_events_of_future_times_are_shown_on_request(hammerd, once_ahead: Path):
    hint = hammerd("events", "-c", once_ahead, "--since", "1h").err.partition("--since ")[2]

    ran = hammerd("events", "-c", once_ahead, "--since", " ".join(hint.split()).strip('"'))

    assert [line.split()[-1] for line in ran.out.splitlines()[1:]] == ["at.1"]
    assert ran.err == ""


def test_follow_shows_no_events_of_future_times(once_ahead: Path):
    command = [sys.executable, "-m", "hammerd.cli.main", "events", "--follow", "--json"]
    with subprocess.Popen(
        [*command, "-c", str(once_ahead), "--since", "10m"], stdout=subprocess.PIPE, text=True
    ) as follower:
        assert follower.stdout is not None
        first = json.loads(follower.stdout.readline())
        later = EventRow(round(time.time() * 1_000), "home", "at.3", "info", "{}")
        HistoryFile(history_path_of(once_ahead), None).write(Rows([later]))
        second = json.loads(follower.stdout.readline())
        follower.terminate()

    assert [first["event"], second["event"]] == ["at.2", "at.3"]
