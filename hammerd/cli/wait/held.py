"""Refuses to wait for a pair whose plan has a record: a look at its ends may harm the plan."""

import os
from collections.abc import Iterable

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Pair


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
            hint = '"hammerd status" tells what to do'
            message = f"{pair.name} is held by {record.plan}, which is {record.stage}"
            raise CommandFailed(message, hint, code=Exit.UNAVAILABLE)
