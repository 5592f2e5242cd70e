"""Random histories of changes of roles: nothing is lost, and each refusal leads on.

HAMMERD_ROLE_HISTORIES raises their number, each takes some seconds:

    HAMMERD_ROLE_HISTORIES=50 .venv/bin/pytest -s --timeout 0 -k role_histories
"""

import os
import random
import sys

import pytest

from tests.cli.plans.roles.role_history import RoleHistory
from tests.cli.plans.roles.test_sessions import mirrored
from tests.plans_world import HIGH_TIDS, LOW_TIDS

HISTORIES = int(os.environ.get("HAMMERD_ROLE_HISTORIES", "1"))
FIRST_SEED = 3
MOVES = 5


@pytest.mark.timeout(120 + 30 * HISTORIES)
def test_role_histories_lose_nothing_and_lead_on() -> None:
    commands = 0
    for seed in range(FIRST_SEED, FIRST_SEED + HISTORIES):
        bases = (LOW_TIDS, HIGH_TIDS) if seed % 3 else (HIGH_TIDS, LOW_TIDS)
        with mirrored(bases) as world:
            with world.fstab.open("a") as fstab:
                fstab.write(f"{world.master}\t{world.place}\tnull\trw\t0\t0\n")
            history = RoleHistory(world, random.Random(seed))
            try:
                history.run(MOVES)
            except AssertionError as error:
                told = "\n".join(history.told)
                raise AssertionError(f"history {seed}: {error}\n{told}") from error
            commands += history.commands
    sys.stdout.write(f"histories {HISTORIES}, commands {commands}\n")
