"""hammerd, killed at a step of a plan: kill_at.py STEP before|after WORDS...

It kills itself, because most steps run no program that could do it from outside.
"""

import os
import signal
import sys

from hammerd.cli.main import main
from hammerd.cli.plans.runner import Runner
from hammerd.core.plans.steps import Step

NAME, WHEN = sys.argv[1:3]
run_step = Runner._run


def die_at(runner: Runner, step: Step) -> None:
    for moment in ("before", "after"):
        if (step.name, moment) == (NAME, WHEN):
            os.kill(os.getpid(), signal.SIGKILL)
        if moment == "before":
            run_step(runner, step)


Runner._run = die_at  # type: ignore[method-assign]
sys.argv[1:] = sys.argv[3:]
main()
