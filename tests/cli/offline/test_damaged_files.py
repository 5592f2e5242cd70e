"""Damaged files cause no traceback, and their bytes reach no terminal unescaped."""

import copy
import json
import math
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hammerd.cli.offline.last_state import find_last_state
from hammerd.cli.offline.last_state_text import last_state_lines, last_state_sentences
from hammerd.cli.options.location import Location
from hammerd.cli.output.json_output import json_text
from hammerd.cli.output.spans import plain_text
from hammerd.core.api.history_schema import SAMPLE_COLUMNS, EventRow, LagRow
from hammerd.core.api.protocol import Answer
from hammerd.daemon.history.database import HistoryFile, Rows

CONFIG = """\
[daemon]
run_dir = "{root}"
state_dir = "{root}"

[pairs.home]
master = "/m"
slave = "/s"
"""
STRANGE = "\ud800x\x1b[31m\x9b\u200b\u202e"
DEEP = "[" * 100_000

DAMAGED = (
    "",
    "{",
    "null",
    "[]",
    '"\\u001b[31m"',
    "1e999",
    "9" * 5_000,
    DEEP,
    '{"schema_version": "\\ud800x"}',
    '{"schema_version": "\\u001b[31m"}',
    '{"schema_version": 1}',
    '{"schema_version": 1, "saved": 1, "pairs": {"home": 1}}',
)
WHOLE = {
    "schema_version": 1,
    "saved": {"time": 1.79e9, "at": 5.0, "boot_time": 1.7e9},
    "pairs": [
        {
            "pair": "home",
            "master": "/m",
            "slave": "/s",
            "master_tid": "0x1",
            "slave_tid": "0x1",
            "safe_until_time": "2026-03-04T12:00:00.000Z",
            "durable_until_time": "2026-03-04T12:00:00.000Z",
            "complaints": [{"text": "No space left"}],
            "anomalies": [{"name": "end.replaced"}],
            "saved": {
                "is_paused": True,
                "paused_until_time": "2026-03-04T12:00:00.000Z",
                "is_diverged": False,
                "master_seen_time": "2026-03-04T12:00:00.000Z",
                "slave_seen_time": "2026-03-04T12:00:00.000Z",
            },
        }
    ],
}
MISSING = object()
DAMAGED_VALUES = (
    MISSING,
    None,
    True,
    -1,
    10**400,
    1e308,
    math.nan,
    "",
    STRANGE,
    "9999-12-31T23:59:59Z",
    [],
    {},
)


@pytest.fixture
def config(run_dir: Path) -> Path:
    path = run_dir / "hammerd.toml"
    path.write_text(CONFIG.format(root=run_dir))
    return path


def is_plain(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("name", ["status.json", "hammerd.pid"])
@pytest.mark.parametrize("content", DAMAGED, ids=lambda text: text[:40] or "empty")
def test_damaged_state_causes_no_traceback(
    hammerd, run_dir: Path, config: Path, name: str, content: str
):
    (run_dir / name).write_text(content)

    ran = hammerd("status", "-c", config)

    assert ran.code == 69
    assert "no hammerd answers" in ran.err
    assert is_plain(ran.out + ran.err)


def with_each_part_damaged(value: object) -> Iterator[object]:
    """Yield copies of a value in which one part, at any depth, is missing or replaced."""
    yield from DAMAGED_VALUES
    items: Iterable[tuple[Any, object]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, part in items:
        for damaged in with_each_part_damaged(part):
            whole: Any = copy.copy(value)
            whole[key] = damaged
            if damaged is MISSING:
                del whole[key]
            yield whole


def test_each_damaged_part_of_a_status_is_printable(run_dir: Path, config: Path):
    path, tried = run_dir / "status.json", 0
    for status in with_each_part_damaged(WHOLE):
        if status is MISSING:
            continue
        path.write_text(json.dumps(status))

        state = find_last_state(Location(str(config)))

        tried += 1
        lines = [plain_text(line) for line in last_state_lines(state, 80)]
        assert is_plain(
            "\n".join([*lines, json_text(asdict(state)), *last_state_sentences(state)])
        )
    assert tried > 200


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\0" * 4096, None])
@pytest.mark.parametrize("how", ["--json", "--nagios"])
def test_files_that_are_no_text_are_reported_to_scripts_and_monitors(
    hammerd, run_dir: Path, config: Path, content: bytes | None, how: str
):
    for name in ("status.json", "hammerd.pid"):
        if content is None:
            (run_dir / name).mkdir()
        else:
            (run_dir / name).write_bytes(content)

    ran = hammerd("status", how, "-c", config)

    assert ran.code == (69 if how == "--json" else 2)
    assert is_plain(ran.out + ran.err)
    assert how == "--nagios" or json.loads(ran.out)["hammerd"]["state_complaints"]


@pytest.mark.parametrize("how", [(), ("--nagios",), ("-o", "pair,hint,note"), ("--json",)])
def test_answers_with_content_of_damaged_files_are_printable(
    hammerd, start_daemon, make_status, make_pair, how: tuple[str, ...]
):
    complaint = {"name": "x", "count": 1, "text": STRANGE, "hint": STRANGE}
    status = make_status(make_pair(f"h{STRANGE}", hint=STRANGE, because=STRANGE))
    status["pairs"][0] |= {"complaints": [complaint], "last_words": [STRANGE]}
    status["hammerd"] |= {
        "state_complaints": [f"/var/db/state.json: its version {STRANGE} is not 1"],
        "clocks_unsaved_because": STRANGE,
        "reload_refused_because": f"{STRANGE}\n{STRANGE}",
    }
    daemon = start_daemon(Answer(status))

    ran = hammerd("status", *how, "--run-dir", daemon.run_dir)

    assert (ran.code, ran.err) == (0, "")
    assert is_plain(ran.out.replace("\t", ""))
    assert "ud800x" in ran.out


@pytest.fixture
def damaged_history(run_dir: Path, config: Path) -> Path:
    """A config with a history of two good rows, and of others with values that are invalid."""
    now_ms = round(time.time() * 1_000)
    path = run_dir / "history.db"
    good = EventRow(now_ms, "home", "pair.streaming", "info", "{}")
    sample = LagRow(now_ms, "home", "behind", 1, 5.0, "0x1", "0x1")
    HistoryFile(path, None).write(Rows([good], [sample]))
    columns = {
        "event_rows": ("era", "after_ms", "pair", "event", "level", "fields"),
        "lag_recent": ("era", "after_ms", "pair", *SAMPLE_COLUMNS.split(", ")[3:]),
        "pairs": ("name",),
        "eras": ("begin_ms", "boot", "wall_ms", "mono_ms", "last_ms"),
    }
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        for table, names in columns.items():
            row = opened.execute(f"SELECT {', '.join(names)} FROM {table}").fetchone()
            for at, name in enumerate(names):
                for value in (b"\xff", 1e999, b"", "\x1b[31m", 7):
                    damaged = [*row[:at], value, *row[at + 1 :]]
                    marks = ", ".join("?" * len(names))
                    opened.execute(
                        f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})",
                        damaged,
                    )
                bad_text = [*row[:at], b"x\xff\x1b", *row[at + 1 :]]
                marks = ", ".join("CAST(? AS TEXT)" if n == name else "?" for n in names)
                opened.execute(
                    f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", bad_text
                )
        nested = f'{{"a": {"[" * 990}{"]" * 990}}}'
        fields = (
            nested,
            '{"a": "\\ud800"}',
            '{"\\u001b": 1}',
            DEEP,
            "9" * 5_000,
            "[]",
            '"\\ud800"',
        )
        for each in fields:
            opened.execute(
                "INSERT INTO event_rows (era, after_ms, event, level, fields) "
                "VALUES (0, ?, 'x.y', '', ?)",
                (now_ms, each),
            )
    return config


@pytest.mark.parametrize(
    "arguments",
    [
        ("events",),
        ("events", "home"),
        ("events", "--json"),
        ("events", "--since", "@0"),
        ("lag",),
        ("lag", "home"),
        ("lag", "home", "--json"),
        ("lag", "--since", "2200-01-01"),
    ],
)
def test_a_history_with_damaged_rows_shows_the_good_ones(
    hammerd, damaged_history: Path, arguments
):
    ran = hammerd(*arguments, "-c", damaged_history)

    assert ran.code == (69 if arguments[0] == "lag" else 0)
    assert "Traceback" not in ran.err
    assert is_plain(ran.out + ran.err)
    assert "2200-01-01" in arguments or "home" in ran.out


def test_a_pair_that_is_unknown_to_a_damaged_history_is_refused(hammerd, damaged_history: Path):
    ran = hammerd("events", "hom", "-c", damaged_history)

    assert ran.code == 64
    assert is_plain(ran.err)
