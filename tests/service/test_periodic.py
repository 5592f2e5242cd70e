"""The daily script for periodic(8), with a program that stands in for hammerd."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.paths import ROOT

SCRIPT = ROOT / "etc/periodic/daily/480.hammerd"


@dataclass(frozen=True)
class Daily:
    """A run of the script: what it printed, its exit status, and the words that it called."""

    code: int
    out: str
    words: str


@pytest.fixture
def run_daily(tmp_path: Path):
    config, program, called = tmp_path / "a config", tmp_path / "program", tmp_path / "called"
    config.touch()

    def run(output: str = "", status: int = 0, **variables: str) -> Daily:
        program.write_text(
            f'#!/bin/sh\necho "$*" > "{called}"\nprintf "%s" "{output}"\nexit {status}\n'
        )
        program.chmod(0o755)
        given = {"program": str(program), "config": str(config), **variables}
        environment = {f"daily_hammerd_{name}": value for name, value in given.items()}
        ran = subprocess.run(
            ["sh", str(SCRIPT)],
            env={"PATH": "/usr/bin:/bin", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.stderr == ""
        return Daily(ran.returncode, ran.stdout, called.read_text() if called.exists() else "")

    return run


def test_report_is_printed_below_a_heading(run_daily, tmp_path: Path) -> None:
    daily = run_daily("2 pairs, all well")

    assert daily.out == "\nHAMMER mirrors:\n2 pairs, all well\n"
    assert daily.code == 0
    assert daily.words == f"-c {tmp_path}/a config report --since 1d\n"


@pytest.mark.parametrize("status", [1, 69, 2, 78, 126])
def test_trouble_is_shown_whatever_periodic_hides(run_daily, status: int) -> None:
    daily = run_daily("1 of 2 pairs needs a look", status)

    assert (daily.code, "needs a look" in daily.out) == (3, True)


def test_quiet_day_says_nothing(run_daily) -> None:
    daily = run_daily("", quiet="YES")

    assert (daily.code, daily.out) == (0, "")
    assert "report --quiet --since 1d" in daily.words


def test_disabled_script_runs_nothing(run_daily) -> None:
    daily = run_daily("2 pairs, all well", enable="NO")

    assert (daily.code, daily.out, daily.words) == (0, "", "")


def test_machine_without_a_config_gets_no_report(run_daily, tmp_path: Path) -> None:
    daily = run_daily("no config", 66, config=str(tmp_path / "missing"))

    assert (daily.code, daily.out, daily.words) == (0, "", "")


def test_missing_program_is_told(run_daily, tmp_path: Path) -> None:
    daily = run_daily(program=str(tmp_path / "nowhere/hammerd"))

    assert daily.code == 3
    assert "nowhere/hammerd" in daily.out
