"""A save that is killed or fails between any two system calls leaves a whole file."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hammerd.daemon.state import atomic_file, pair_state_file
from tests.daemon.state.failing_saves import DEAD, FAILED, NEW, OLD, SURVIVED, FailingOs

OLD_JSON, NEW_JSON = (
    json.loads(json.dumps({name: asdict(pair) for name, pair in pairs.items()}))
    for pairs in (OLD, NEW)
)


def outcomes(directory: Path, case: str, manner: str) -> list[dict[str, Any]]:
    argv = [sys.executable, "-m", "tests.daemon.state.failing_saves", str(directory), case, manner]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("manner", ["die", "tear", "fail"])
@pytest.mark.parametrize("case", ["old", "damaged"])
def test_interrupted_save_leaves_the_old_or_the_new_state(
    tmp_path: Path, case: str, manner: str
) -> None:
    found = outcomes(tmp_path, case, manner)

    statuses = {FAILED, SURVIVED} if manner == "fail" else {DEAD}
    assert {outcome["status"] for outcome in found[:-1]} <= statuses
    assert all(outcome["pairs"] in (OLD_JSON, NEW_JSON) for outcome in found), found
    assert all(outcome["has_bad"] for outcome in found)
    assert (found[0]["pairs"], found[-1]["pairs"]) == (OLD_JSON, NEW_JSON)
    # Both files need several calls each: a smaller number would mean that calls were not counted.
    assert len(found) > 14


@pytest.mark.parametrize("manner", ["die", "tear", "fail"])
def test_interrupted_first_save_leaves_no_or_the_new_state(tmp_path: Path, manner: str) -> None:
    found = outcomes(tmp_path, "first", manner)

    assert all(outcome["pairs"] in ({}, NEW_JSON) for outcome in found), found
    assert all(outcome["complaints"] == [] for outcome in found)


@pytest.mark.parametrize("manner", ["die", "tear", "fail"])
def test_interrupted_save_of_clocks_leaves_the_old_or_the_new(tmp_path: Path, manner: str) -> None:
    found = outcomes(tmp_path, "clocks", manner)

    assert {tuple(outcome["samples"]) for outcome in found} == {(1,), (2,)}
    assert all(outcome["clocks_complaint"] == "" for outcome in found)


@pytest.mark.parametrize("manner", ["die", "tear", "fail"])
def test_interrupted_save_of_status_leaves_the_old_or_the_new(tmp_path: Path, manner: str) -> None:
    found = outcomes(tmp_path, "status", manner)

    assert (found[0]["status_pid"], found[-1]["status_pid"]) == (1, 2)
    assert {outcome["status_pid"] for outcome in found} == {1, 2}


def test_text_is_synced_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = FailingOs(0, "die")
    monkeypatch.setattr(atomic_file, "os", calls)

    pair_state_file.save(tmp_path / "state.json", OLD)

    one = ["unlink", "open", "write", "fsync", "close", "replace", "open", "fsync", "close"]
    assert calls.done == [*one, *one]
