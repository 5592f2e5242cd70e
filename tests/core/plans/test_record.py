import pytest

from hammerd.core.errors import BadOutput
from hammerd.core.plans.record import PlanName, PlanRecord, Stage, format_record, parse_record

RECORD = PlanRecord(
    "home", PlanName.PROMOTE, 12.5, Stage.PROMOTED, "upgrade-slave", {"tid": "0x0000000000000007"}
)


def test_record_is_read_as_it_was_written() -> None:
    assert parse_record(format_record(RECORD)) == RECORD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        "{}",
        format_record(RECORD).replace('"promote"', '"prune"'),
        format_record(RECORD).replace('"promoted"', '"over"'),
        format_record(RECORD).replace('"version": 1', '"version": 2'),
        format_record(RECORD).replace("12.5", '"noon"'),
    ],
)
def test_any_other_text_is_no_record(text: str) -> None:
    with pytest.raises(BadOutput, match="no record of a plan"):
        parse_record(text)
