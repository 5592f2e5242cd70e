"""Runs a plan that changes the roles of a pair, for its command: config, lock, look, runner."""

from collections.abc import Callable
from contextlib import nullcontext

from hammerd.cli.options.location import Location, current_location, load_config
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.plans.executor import MachineExecutor
from hammerd.cli.plans.roles.end_group import end_group
from hammerd.cli.plans.roles.look import PairLook
from hammerd.cli.plans.roles.writers import list_processes
from hammerd.cli.plans.runner import Order, Runner
from hammerd.core import paths
from hammerd.core.api.protocol import refuse_unknown
from hammerd.core.config.model import Config
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Pair
from hammerd.core.plans.roles.facts import PairFacts
from hammerd.core.plans.steps import Compare, EndGroup, Plan, Refused

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
        programs, records = look.programs, look.records
        special = _Special(look)
        executor = MachineExecutor(programs, self.pair, self.location, special.run)
        with nullcontext() if order.is_dry_run else records.locked():
            return Runner(order, executor, records).carry_out(look.facts, planner)


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
            self._compare(action)

    def _has_ended(self, pgid: int) -> bool:
        processes = list_processes(self._look.programs.env)
        return not isinstance(processes, str) and all(one.pgid != pgid for one in processes)

    def _compare(self, action: Compare) -> None:
        """Compare the TIDs of both ends."""
        facts = self._look.facts()
        ends = {end.operand.key: end for end in (facts.master, facts.slave)}
        master, slave = ends.get(action.master.key), ends.get(action.slave.key)
        if master is None or slave is None or slave.tid is None:
            raise CommandFailed(f"{action.master} and {action.slave} cannot be compared now")
        newest = master.system_tid if master.tid is None else master.tid
        if newest is None or slave.tid > newest or master.tid not in (None, slave.tid):
            raise CommandFailed(f"{action.master} and {action.slave} are at different TIDs")


def _pair_of(config: Config, name: str) -> Pair:
    known = {pair.name: pair for pair in config.pairs}
    refusal = refuse_unknown((name,), known)
    if refusal is not None:
        raise CommandFailed(refusal.error, refusal.hint, code=Exit.USAGE)
    return known[name]
