"""hammerd, killed within a step of a plan: kill_at.py STEP before|after WORDS...

The step has begun, and its action has not, or has ended with nothing noted of it. The program
kills itself, because most steps run no other one that could do it from outside.
"""

import os
import signal
import sys

from hammerd.cli.main import main
from hammerd.cli.plans.runner import Runner
from hammerd.core.plans.steps import Action, Step

NAME, WHEN = sys.argv[1:3]
run_step, act = Runner._run, Runner._act
begun: list[str] = []


def note_name(runner: Runner, step: Step) -> None:
    begun.append(step.name)
    run_step(runner, step)


def die_at(runner: Runner, action: Action) -> None:
    die_if("before")
    act(runner, action)
    die_if("after")


def die_if(moment: str) -> None:
    if (begun[-1], moment) == (NAME, WHEN):
        os.kill(os.getpid(), signal.SIGKILL)


Runner._run = note_name  # type: ignore[method-assign]
Runner._act = die_at  # type: ignore[method-assign]
sys.argv[1:] = sys.argv[3:]
main()
