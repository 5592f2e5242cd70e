import pytest

from hammerd.core.errors import BadOutput
from hammerd.core.plans.record import (
    PlanName,
    PlanRecord,
    Stage,
    format_record,
    noted_paths,
    parse_record,
)

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


NAMES = {
    "old_master": "/Backup1/test",
    "master_link": "/Backup1/pfs/test",
    "new_master": "office:/Backup2/pfs/test",
    "slave_link": "/Backup2/pfs/test",
}
RESEED = {"target_link": "/Backup1/pfs/test", "target_name": "/Backup1/test"}


@pytest.mark.parametrize(
    ("plan", "stage", "notes", "noted"),
    [
        (PlanName.SWITCHOVER, Stage.RUNNING, NAMES, ("/Backup1/test", "/Backup1/pfs/test")),
        (PlanName.RESEED, Stage.RUNNING, NAMES | RESEED, ("/Backup1/test", "/Backup1/pfs/test")),
        (PlanName.PROVISION, Stage.RUNNING, {"slave_link": "/S"}, ("/S",)),
        (PlanName.PROMOTE, Stage.PROMOTED, NAMES, ()),
        (PlanName.SWITCHOVER, Stage.RUNNING, {}, ()),
    ],
)
def test_ends_of_this_host_are_noted_until_the_plan_has_ended(
    plan: PlanName, stage: Stage, notes: dict[str, str], noted: tuple[str, ...]
) -> None:
    assert noted_paths(PlanRecord("home", plan, 1.0, stage, notes=notes)) == noted
