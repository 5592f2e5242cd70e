"""Runs hammerd provision for one pair: looks, plans, and runs what is missing."""

import time
from dataclasses import dataclass

from hammerd.cli.check.machine_check import hammer_fault
from hammerd.cli.options.location import Location
from hammerd.cli.output.text import print_text
from hammerd.cli.plans.commands import Programs
from hammerd.cli.plans.executor import MachineExecutor, no_special
from hammerd.cli.plans.records import FileRecords
from hammerd.cli.plans.runner import Order, Runner, refusal_error
from hammerd.cli.provision.looker import Looker, Wishes, has_rights
from hammerd.cli.provision.pair_origin import Ends, find_pair
from hammerd.core import paths
from hammerd.core.plans.provision import NEEDS_ROOT, plan_provision
from hammerd.core.plans.provision_reasons import other_plan_reasons
from hammerd.core.plans.steps import Reason, Refused

COPY_ENDS_S = 30.0
"""The longest wait for the halves of a copy whose caller was killed."""

POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command; `writes_config`: the pair is to be in the config."""

    order: Order
    ends: Ends
    wishes: Wishes
    writes_config: bool = False

    def carry_out(self, given: Location) -> int:
        """Carry out the plan, and return the exit status.

        Raises:
            HammerdError: the plan was refused, or a step failed.
        """
        path = given.config or paths.CONFIG
        name = self.order.pair
        origin = find_pair(path, name, self.ends, is_edited=self.writes_config)
        daemon = origin.config.daemon
        location = Location(given.config, given.run_dir or daemon.run_dir)
        records = FileRecords(location, daemon.state_dir, name)
        if not self.order.is_dry_run and not has_rights():
            raise refusal_error(Refused((NEEDS_ROOT,)))
        if (fault := hammer_fault(daemon.hammer)) is not None:
            reason = Reason(f"{fault.where}: {daemon.hammer} {fault.what}", fault.hint)
            raise refusal_error(Refused((reason,)))
        # The records are root's.
        read_record = records.read if has_rights() else lambda: None
        if reasons := tuple(other_plan_reasons(name, read_record())):
            # No look: it could change what that plan depends on.
            raise refusal_error(Refused(reasons))
        looker = Looker(origin, self.wishes, location, read_record)
        executor = MachineExecutor(Programs(daemon.hammer), origin.pair, location, no_special)
        runner = Runner(self.order, executor, records)
        if self.order.is_dry_run:
            return runner.carry_out(looker.look, plan_provision)
        with records.locked():
            if records.read() is not None:
                # The run that wrote it may have been killed before hammerd knew of it.
                records.tell_held()
            _wait_for_copies(looker)
            return runner.carry_out(looker.look, plan_provision)


def _wait_for_copies(looker: Looker) -> None:
    """Wait for the end of a copy whose caller was killed; its halves end by themselves."""
    deadline_at = time.monotonic() + COPY_ENDS_S
    while groups := looker.copies():
        if time.monotonic() > deadline_at:
            return
        if deadline_at - time.monotonic() > COPY_ENDS_S - POLL_S:
            print_text(f"waiting for the mirror-copy of process group {', '.join(groups)}")
        time.sleep(POLL_S)
