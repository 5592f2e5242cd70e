"""`hammerd events`: which events it shows, of which levels and names, how many, up to when."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hammerd.cli.commands.events import MOST_SHOWN
from hammerd.cli.history.event_filter import EventFilter
from hammerd.cli.history.queries import find_events, read_history
from hammerd.cli.main import main
from hammerd.core.api.history_schema import EventRow
from hammerd.daemon.history.database import HistoryFile, Rows

NOON_MS = 1_700_049_600_000
"""2023-11-15 12:00 UTC."""

EVENTS = (
    (None, "daemon.started", "info"),
    ("web1", "pair.streaming", "info"),
    ("web1", "pair.waiting", "warning"),
    ("web2", "pair.parked", "error"),
    ("db", "anomaly.went_back", "warning"),
    ("db", "pair.parked", "error"),
)
"""One event a minute, from noon on."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events")
    (path / "db").mkdir()
    rows = [
        EventRow(NOON_MS + 60_000 * minute, pair, name, level, "{}")
        for minute, (pair, name, level) in enumerate(EVENTS)
    ]
    HistoryFile(path / "db/history.db", None).write(Rows(rows))
    config = path / "hammerd.toml"
    config.write_text(f'[daemon]\nstate_dir = "{path}/db"\nrun_dir = "{path}/run"\n')
    return config


Show = Callable[..., tuple[int, str, str]]


@pytest.fixture
def show(config: Path, capsys: pytest.CaptureFixture[str]) -> Show:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["events", "-c", str(config), "--since", "2023-11-15", *words])
        done = capsys.readouterr()
        return code, done.out, " ".join(done.err.split())

    return run


def names(shown: tuple[int, str, str]) -> list[str]:
    return [line.split()[-1] for line in shown[1].splitlines()[1:]]


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (("--level", "error"), (3, 5)),
        (("--level", "WARNING"), (2, 3, 4, 5)),
        (("--level", "info"), range(6)),
        (("--event", "pair.parked"), (3, 5)),
        (("--event", "*.started", "--event", "pair.[!p]*"), (0, 1, 2)),
        (("-n", "2"), (4, 5)),
        (("-n", "all"), range(6)),
        (("--until", "2023-11-15 12:02:00"), (0, 1, 2)),
        (("--until", "@1700049660", "-n", "1"), (1,)),
        (("web*", "--level", "warning", "--event", "pair.*", "-n", "5"), (2, 3)),
        (("db", "web1", "-n", "1", "--level", "warning"), (5,)),
    ],
)
def test_filters_are_combined(show: Show, words: tuple[str, ...], kept: Iterator[int]):
    assert names(show(*words)) == [EVENTS[number][1] for number in kept]


def test_json_holds_the_same_events(show: Show):
    _, out, _ = show("--json", "--level", "error", "-n", "1")

    assert [(each["pair"], each["event"]) for each in json.loads(out)["events"]] == [
        ("db", "pair.parked")
    ]


def test_nothing_of_a_kind_is_told_with_the_nearest_name(show: Show):
    code, out, err = show("--event", "pair.parkd")

    assert (code, out) == (
        0,
        "nothing of that kind happened since 2023-11-15 00:00:00 UTC\n",
    )
    assert err == 'hint: no event on record is called "pair.parkd" (did you mean "pair.parked"?)'


def test_a_known_event_that_did_not_happen_is_no_typo(show: Show):
    _, out, err = show("--event", "pair.parked", "--until", "2023-11-15 12:01")

    assert "since 2023-11-15 00:00:00 until 2023-11-15 12:01:00 UTC" in " ".join(out.split())
    assert err == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("-n", "few"), "few is no number of events, and not all"),
        (("-n", "-1"), "-1 is no number of events"),
        (("--level", "loud"), "'loud' is not one of 'info', 'warning', 'error'"),
        (("--until", "2023-11-14"), "--until is before --since"),
        (("--until", "soon"), "soon is no time"),
    ],
)
def test_a_filter_that_means_nothing_is_wrong_usage(show: Show, words, reason: str):
    code, out, err = show(*words)

    assert (code, out) == (64, "")
    assert reason in err


def test_times_are_local_on_request(show: Show, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XYZ-3")
        time.tzset()
        _, out, _ = show("--local", "--until", "2023-11-15 15:01")
    time.tzset()

    head, *lines = out.splitlines()
    assert head.split()[:2] == ["TIME", "(local)"]
    assert [line.split()[1] for line in lines] == ["15:00:00", "15:01:00"]


def test_follow_ends_at_the_time_it_is_given(show: Show):
    code, out, _ = show("--follow", "--until", "2023-11-15 12:01", "--json", "-n", "1")

    assert (code, [json.loads(line)["event"] for line in out.splitlines()]) == (
        0,
        ["pair.streaming"],
    )


def test_ids_bound_a_page_of_events(config: Path):
    def page(wanted: EventFilter, limit: int) -> list[int]:
        path = str(config.parent / "db/history.db")
        return [
            number for number, _ in read_history(path, lambda c: find_events(c, wanted, limit))
        ]

    assert page(EventFilter(before_id=5), 2) == [3, 4]
    assert page(EventFilter(after_id=4), -1) == [5, 6]
    assert page(EventFilter(pairs=()), -1) == []


def test_a_terminal_gets_the_last_thousand_and_a_pipe_all(tmp_path: Path):
    (tmp_path / "db").mkdir()
    rows = [EventRow(NOON_MS, "home", f"n.{i}", "info", "{}") for i in range(MOST_SHOWN + 7)]
    HistoryFile(tmp_path / "db/history.db", None).write(Rows(rows))
    config = tmp_path / "h.toml"
    config.write_text(f'[daemon]\nstate_dir = "{tmp_path}/db"\nrun_dir = "{tmp_path}/run"\n')
    command = [sys.executable, "-m", "hammerd.cli.main", "events", "-c", str(config)]
    command += ["--since", "2023-11-15"]
    ours, theirs = pty.openpty()
    # A terminal holds little: it is read while the command writes.
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, text=True) as ran:
        os.close(theirs)
        shown = b"".join(chunks(ours))
        assert ran.stderr is not None
        said = " ".join(ran.stderr.read().split())
    piped = subprocess.run(command, check=True, capture_output=True, text=True)

    assert b"n.6 " not in shown.replace(b"\r\n", b" ")
    assert shown.count(b" n.") == MOST_SHOWN
    assert "7 earlier events are not shown" in said
    assert "-n all shows them" in said
    assert (len(piped.stdout.splitlines()), piped.stderr) == (MOST_SHOWN + 8, "")


def chunks(terminal: int) -> Iterator[bytes]:
    """Yield what a terminal shows; its end reads as EIO on Linux, as EOF on BSD."""
    try:
        while chunk := os.read(terminal, 65_536):
            yield chunk
    except OSError:
        pass
    finally:
        os.close(terminal)
