"""What is made of the past of pairs locks no history, and its errors are its own."""

from pathlib import Path

import pytest

from hammerd.cli.lag.past import Past, Question
from hammerd.cli.lag.sources import Sources, read_pasts
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api.history_schema import LagRow
from hammerd.core.lag_report.course import Period
from hammerd.daemon.history.database import HistoryFile, Rows

NOON_MS = 1_800_000_000_000
PERIOD = Period(NOON_MS - 1_000, NOON_MS + 1_000)
PAIRS = tuple(f"pair{number}" for number in range(30))


@pytest.fixture
def file(tmp_path: Path) -> HistoryFile:
    file = HistoryFile(tmp_path / "history.db", None)
    samples = [LagRow(NOON_MS, pair, "behind", 1, 5.0, None, None) for pair in PAIRS]
    file.write(Rows(samples=samples))
    return file


@pytest.mark.parametrize("has_rows", [True, False])
def test_the_history_is_written_while_a_pager_waits(file: HistoryFile, has_rows: bool) -> None:
    def show(past: Past) -> tuple[str, int]:
        file.write(Rows(samples=[LagRow(NOON_MS * 2, "other", "behind", 1, 5.0, None, None)]))
        return past.pair, past.sample_count

    question = Question(PERIOD, has_marks=False, has_rows=has_rows)
    recorded = read_pasts(PAIRS, Sources({}, str(file.path)), question, show)

    assert (recorded.made, recorded.failure) == ([(pair, 1) for pair in PAIRS], None)


def test_an_error_of_the_output_is_none_of_the_history(file: HistoryFile) -> None:
    def show(_past: Past) -> None:
        raise CommandFailed("cannot write to stdout")

    with pytest.raises(CommandFailed, match="stdout"):
        read_pasts(PAIRS, Sources({}, str(file.path)), Question(PERIOD), show)


def test_without_a_history_no_pair_has_a_past(tmp_path: Path) -> None:
    question = Question(PERIOD)
    recorded = read_pasts(PAIRS, Sources({}, str(tmp_path / "none")), question, lambda one: one)

    assert [past.sample_count for past in recorded.made] == [0] * len(PAIRS)
    assert recorded.failure
