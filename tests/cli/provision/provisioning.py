"""Runs hammerd provision in a world for plans, to its end or killed at a step."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from hammerd.core.exit_codes import Exit
from tests.plans_world import PAIR, PlansWorld
from tests.waiting import DEADLINE_S

KILL_AT = Path(__file__).with_name("kill_at.py")


def provision(world: PlansWorld, *words: str) -> str:
    """Run provision to its end, and return what it printed."""
    done = run(world, *words)
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    return done.stdout


def run(world: PlansWorld, *words: str) -> subprocess.CompletedProcess[str]:
    return world.run("provision", PAIR, "--fstab-file", world.fstab, *words)


def steps_left(world: PlansWorld, *words: str) -> list[str]:
    """Return the names of the steps of the dry run."""
    shown = json.loads(provision(world, *words, "--dry-run", "--json"))
    return [step["name"] for step in shown["steps"]]


def killed(world: PlansWorld, step: str, when: str, *words: str) -> None:
    argv = [sys.executable, str(KILL_AT), step, when, "provision", PAIR, "-c", str(world.config)]
    done = subprocess.run(
        [*argv, "--fstab-file", str(world.fstab), *words],
        env={**os.environ, **world.env},
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
