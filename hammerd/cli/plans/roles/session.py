"""Runs a plan that changes the roles of a pair, for its command: config, lock, look, runner."""

import os
import time
from collections.abc import Callable
from contextlib import nullcontext

from hammerd.cli.check.path_check import HAS_PFS_DEVICES
from hammerd.cli.options.location import Location, current_location, load_config
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.text import print_text
from hammerd.cli.plans.executor import MachineExecutor
from hammerd.cli.plans.roles.end_group import end_group
from hammerd.cli.plans.roles.look import PairLook
from hammerd.cli.plans.roles.writers import find_commands, list_processes
from hammerd.cli.plans.runner import Order, Runner
from hammerd.core import paths
from hammerd.core.api.protocol import refuse_unknown
from hammerd.core.config.model import Config
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Pair
from hammerd.core.plans.record import PlanRecord
from hammerd.core.plans.roles.facts import PairFacts
from hammerd.core.plans.steps import Compare, EndGroup, Plan, Refused

WAIT_S = 0.2

Planner = Callable[[PairFacts], Plan | Refused]


class Session:
    """A config, one of its pairs, and where its hammerd is."""

    def __init__(self, name: str) -> None:
        """Read the config that the command line names.

        Raises:
            HammerdError: it cannot be read, has faults, or has no such pair.
        """
        given = current_location()
        self.path = given.config or paths.CONFIG
        self.config: Config = load_config(self.path)
        self.pair = _pair_of(self.config, name)
        self.location = Location(self.path, given.run_dir)

    def look(self) -> PairLook:
        """Return a look at the pair that wants nothing special."""
        return PairLook(self.config, self.pair, self.location)

    def carry_out(self, order: Order, look: PairLook, planner: Planner) -> int:
        """Carry out a plan, and return the exit status.

        Raises:
            HammerdError: the plan was refused, or a step failed.
        """
        if not order.is_dry_run and os.geteuid() != 0 and HAS_PFS_DEVICES:
            message, hint = "hammer changes roles for root only", "run this as root"
            raise CommandFailed(message, hint, code=Exit.NO_PERMISSION)
        programs, records = look.programs, look.records
        special = _Special(look)
        executor = MachineExecutor(programs, self.pair, self.location, special.run)
        with nullcontext() if order.is_dry_run else records.locked():
            if not order.is_dry_run and (record := records.read()) is not None:
                # One that was killed has written the record, and may have told nobody.
                records.tell_held()
                _wait_for_commands(look, record)
            return Runner(order, executor, records).carry_out(look.facts, planner)


def _wait_for_commands(look: PairLook, record: PlanRecord) -> None:
    """Wait for the last command of a plan that was killed: it goes on without its caller."""
    paths = frozenset({str(look.pair.master), str(look.pair.slave), *record.notes.values()})
    told: tuple[str, ...] = ()
    while found := _commands(look, paths):
        if found != told:
            print_text(f"waiting for the end of: {'; '.join(dict.fromkeys(found))}")
            told = found
        time.sleep(WAIT_S)


def _commands(look: PairLook, paths: frozenset[str]) -> tuple[str, ...]:
    processes = list_processes(look.programs.env)
    return () if isinstance(processes, str) else find_commands(processes, paths)


class _Special:
    """Carries out the actions that only plans of roles have."""

    def __init__(self, look: PairLook) -> None:
        self._look = look

    def run(self, action: Compare | EndGroup) -> None:
        """Carry out an action.

        Raises:
            CommandFailed: it failed.
        """
        if isinstance(action, EndGroup):
            end_group(action.pgid, self._has_ended)
        else:
            # Imported only here: most steps need none of it.
            from hammerd.cli.plans.roles.compare import compare

            compare(action, self._look.pair, self._look.config)

    def _has_ended(self, pgid: int) -> bool:
        processes = list_processes(self._look.programs.env)
        return not isinstance(processes, str) and all(one.pgid != pgid for one in processes)


def _pair_of(config: Config, name: str) -> Pair:
    known = {pair.name: pair for pair in config.pairs}
    refusal = refuse_unknown((name,), known)
    if refusal is not None:
        raise CommandFailed(refusal.error, refusal.hint, code=Exit.USAGE)
    return known[name]
