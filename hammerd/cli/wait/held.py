"""Refuses a pair that a plan holds, for commands that read its ends: it may harm the plan."""

import os
from collections.abc import Iterable

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Pair
from hammerd.core.plans.record import PlanRecord, Stage


def refuse_held(state_dir: str, pairs: Iterable[Pair]) -> None:
    """Refuse pairs that a plan holds, whether a hammerd runs or not.

    Raises:
        CommandFailed: a pair is held; the message names the plan.
    """
    from hammerd.daemon.state.plan_records import Damaged, plans_dir, read_record

    if not os.access(plans_dir(state_dir), os.X_OK):
        return  # there is none, or only root may read it; a running hammerd tells
    for pair in pairs:
        record = read_record(state_dir, pair.name)
        if isinstance(record, Damaged):
            raise CommandFailed(f"{pair.name} is held: {record.because}", code=Exit.UNAVAILABLE)
        if record is not None:
            raise CommandFailed(*_words(record), code=Exit.UNAVAILABLE)


def _words(record: PlanRecord) -> tuple[str, str]:
    """Return which plan holds a pair, and what to do."""
    name, plan = record.pair, record.plan
    if record.stage is Stage.PROMOTED:
        hint = f'"hammerd reseed {name}" makes the old master a fresh slave'
        return f"the slave of {name} was promoted, so the pair is held", hint
    hint = f'wait until it has ended; if it was interrupted, "hammerd {plan} {name}" goes on'
    return f"{plan} holds {name} (its last step: {record.step or 'none'})", hint
