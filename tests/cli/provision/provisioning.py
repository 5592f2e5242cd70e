"""Runs hammerd provision in a world for plans, to its end or killed at a step."""

import json
import signal
import subprocess

from hammerd.core.exit_codes import Exit
from tests.plans_world import PAIR, PlansWorld


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
    ends = ("provision", PAIR, "--fstab-file", str(world.fstab), *words)
    done = world.run(*ends, kill=(step, when))
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
