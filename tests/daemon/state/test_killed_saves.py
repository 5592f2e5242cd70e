"""A save that dies, or fails, between any two of its calls to the system leaves a whole file."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hammerd.daemon.state import atomic_file, pair_state_file
from tests.daemon.state.dying_system import BORNE, DEAD, FAILED, NEW, OLD, FrailOs

OLD_JSON, NEW_JSON = (
    json.loads(json.dumps({name: asdict(pair) for name, pair in kept.items()}))
    for kept in (OLD, NEW)
)


def outcomes(directory: Path, case: str, manner: str) -> list[dict[str, Any]]:
    argv = [sys.executable, "-m", "tests.daemon.state.dying_system", str(directory), case, manner]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("manner", ["die", "tear", "fail"])
@pytest.mark.parametrize("case", ["old", "damaged"])
def test_save_that_is_cut_short_leaves_the_old_state_or_the_new(
    tmp_path: Path, case: str, manner: str
) -> None:
    seen = outcomes(tmp_path, case, manner)

    ends = {FAILED, BORNE} if manner == "fail" else {DEAD}
    assert {outcome["end"] for outcome in seen[:-1]} <= ends
    assert all(outcome["pairs"] in (OLD_JSON, NEW_JSON) for outcome in seen), seen
    assert all(outcome["bad_is_kept"] for outcome in seen)
    assert (seen[0]["pairs"], seen[-1]["pairs"]) == (OLD_JSON, NEW_JSON)
    # Both files take several calls each; fewer would mean that nothing was counted.
    assert len(seen) > 14


@pytest.mark.parametrize("manner", ["die", "tear", "fail"])
def test_first_save_that_is_cut_short_leaves_nothing_or_the_new_state(
    tmp_path: Path, manner: str
) -> None:
    seen = outcomes(tmp_path, "first", manner)

    assert all(outcome["pairs"] in ({}, NEW_JSON) for outcome in seen), seen
    assert all(outcome["complaints"] == [] for outcome in seen)


@pytest.mark.parametrize("manner", ["die", "tear", "fail"])
def test_clocks_whose_save_is_cut_short_are_the_old_or_the_new(
    tmp_path: Path, manner: str
) -> None:
    seen = outcomes(tmp_path, "clocks", manner)

    assert {tuple(outcome["samples"]) for outcome in seen} == {(1,), (2,)}
    assert all(outcome["clocks_complaint"] == "" for outcome in seen)


@pytest.mark.parametrize("manner", ["die", "tear", "fail"])
def test_status_whose_save_is_cut_short_is_the_old_or_the_new(tmp_path: Path, manner: str) -> None:
    seen = outcomes(tmp_path, "status", manner)

    assert (seen[0]["status_pid"], seen[-1]["status_pid"]) == (1, 2)
    assert {outcome["status_pid"] for outcome in seen} == {1, 2}


def test_text_is_on_the_disk_before_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = FrailOs(0, "die")
    monkeypatch.setattr(atomic_file, "os", calls)

    pair_state_file.save(tmp_path / "state.json", OLD)

    one = ["unlink", "open", "write", "fsync", "close", "replace", "open", "fsync", "close"]
    assert calls.done == [*one, *one]
