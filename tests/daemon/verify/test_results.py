"""An unreadable result is told, and a result counts for the endpoints that it is of only."""

import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import structlog
from structlog.testing import capture_logs

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid
from hammerd.core.verify.differences import Difference, Kind
from hammerd.core.verify.verified import Verified, format_verified
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.verify.results import Results

PAIR = Pair("home", Endpoint("/m"), Endpoint("/s"))
EQUAL = Verified("home", "/m", "/s", Tid(16), 1_700_000_000.25, 2.5, 7, 99)
DIFFERENT = replace(
    EQUAL, counts={Kind.CONTENT: 1}, first=(Difference(Kind.CONTENT, "a\udcff\n"),)
)


class AtOnce:
    """A writer without a thread."""

    def submit(self, write: "object") -> bool:
        assert callable(write)
        write()
        return True


def results(state_dir: Path) -> Results:
    made = Results(state_dir, cast(WriterThread, AtOnce()), cast(Logger, structlog.get_logger()))
    made.load()
    return made


def save(state_dir: Path, text: str) -> None:
    (state_dir / "verified").mkdir(exist_ok=True)
    (state_dir / "verified/home.json").write_text(text)


def test_a_result_is_logged_once_and_its_paths_can_be_written(tmp_path: Path) -> None:
    save(tmp_path, format_verified(DIFFERENT))

    with capture_logs() as logs:
        first = results(tmp_path)
        results(tmp_path)

    (line,) = logs
    assert (line["event"], line["log_level"]) == ("verify.finished", "error")
    assert line["text"] == "a??: content differs"
    shown = first.of(PAIR)
    assert shown is not None
    assert shown.is_critical


def test_an_acknowledgement_is_of_one_result(tmp_path: Path) -> None:
    save(tmp_path, format_verified(DIFFERENT))
    results(tmp_path).acknowledge("home")

    again = results(tmp_path).of(PAIR)
    save(tmp_path, format_verified(replace(DIFFERENT, time=1_700_000_001.25)))
    later = results(tmp_path).of(PAIR)

    assert again is not None
    assert later is not None
    assert (again.is_critical, later.is_critical) == (False, True)


def test_a_result_of_other_endpoints_does_not_count(tmp_path: Path) -> None:
    save(tmp_path, format_verified(DIFFERENT))

    assert results(tmp_path).of(replace(PAIR, slave=Endpoint("/other"))) is None
    assert results(tmp_path).of(replace(PAIR, name="other")) is None


@pytest.mark.parametrize("text", ["", "{", json.dumps({"pair": "home"})])
def test_a_damaged_result_is_told_and_there_is_none(tmp_path: Path, text: str) -> None:
    save(tmp_path, text)

    with capture_logs() as logs:
        assert results(tmp_path).of(PAIR) is None

    assert [line["event"] for line in logs] == ["verify.unreadable"]


def test_nothing_was_verified_yet(tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert results(tmp_path).of(PAIR) is None

    assert logs == []


def test_a_result_says_nothing_of_another_slave_at_the_same_path(tmp_path: Path) -> None:
    save(tmp_path, format_verified(EQUAL))
    known = results(tmp_path)
    assert known.of(PAIR) is not None

    known.unique_uuid_of = lambda _: "first"
    assert known.of(PAIR) is not None
    known.unique_uuid_of = lambda _: "another"
    assert known.of(PAIR) is None

    after_restart = results(tmp_path)
    after_restart.unique_uuid_of = lambda _: "another"
    assert after_restart.of(PAIR) is None

    save(tmp_path, format_verified(replace(EQUAL, time=1_700_000_001.25)))
    newer = results(tmp_path)
    newer.unique_uuid_of = lambda _: "another"
    assert newer.of(PAIR) is not None
