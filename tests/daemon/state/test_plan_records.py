import os
from pathlib import Path

import pytest

from hammerd.core.errors import AlreadyRunning
from hammerd.core.plans.record import PlanName, PlanRecord
from hammerd.daemon.state import plan_records

RECORD = PlanRecord("home", PlanName.SWITCHOVER, 12.5, step="hold")


def test_record_is_there_until_it_is_removed(tmp_path: Path) -> None:
    state_dir = str(tmp_path / "db")
    assert plan_records.read_records(state_dir) == {}

    plan_records.write_record(state_dir, RECORD)
    assert plan_records.read_records(state_dir) == {"home": RECORD}

    plan_records.remove_record(state_dir, "home")
    plan_records.remove_record(state_dir, "home")
    assert plan_records.read_record(state_dir, "home") is None


def test_record_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    state_dir = str(tmp_path)
    plan_records.write_record(state_dir, RECORD)
    path = plan_records.record_path(state_dir, "home")
    path.write_text("{")

    found = plan_records.read_records(state_dir)["home"]
    assert isinstance(found, plan_records.Damaged)
    assert str(path) in found.because


def test_record_that_others_could_have_written_is_reported(tmp_path: Path) -> None:
    plan_records.write_record(str(tmp_path), RECORD)
    os.chmod(plan_records.record_path(str(tmp_path), "home"), 0o666)

    assert isinstance(plan_records.read_record(str(tmp_path), "home"), plan_records.Damaged)


def test_record_of_another_pair_is_reported(tmp_path: Path) -> None:
    state_dir = str(tmp_path)
    plan_records.write_record(state_dir, RECORD)
    os.rename(
        plan_records.record_path(state_dir, "home"), plan_records.record_path(state_dir, "mail")
    )

    found = plan_records.read_record(state_dir, "mail")
    assert isinstance(found, plan_records.Damaged)
    assert "of pair home" in found.because


def test_one_command_at_a_time_carries_out_plans_of_a_pair(tmp_path: Path) -> None:
    state_dir = str(tmp_path)
    assert not plan_records.is_locked(state_dir, "home")

    with plan_records.locked(state_dir, "home"):
        assert plan_records.is_locked(state_dir, "home")
        with pytest.raises(AlreadyRunning), plan_records.locked(state_dir, "home"):
            pass
        with plan_records.locked(state_dir, "other"):
            pass

    assert not plan_records.is_locked(state_dir, "home")
