"""Compares both ends of a pair within a plan, as `hammerd verify` does it.

An end that takes no such request, because its key or its hammerd is of an older kind, is compared
by TIDs alone, and the plan tells so.
"""

import sys
from dataclasses import replace

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.numbers import show_entries
from hammerd.cli.output.text import print_text
from hammerd.cli.verify.end_process import EndRefused
from hammerd.cli.verify.progress import make_display
from hammerd.cli.verify.results import keep_result
from hammerd.cli.verify.verification import Options, verify_pair
from hammerd.core.config.model import Config
from hammerd.core.pairs import Pair
from hammerd.core.plans.steps import Compare
from hammerd.core.tid import format_tid
from hammerd.core.verify.sample import Sample

JOBS, MOST_SHOWN = 2, 5


def compare(action: Compare, pair: Pair, config: Config) -> None:
    """Compare both ends as of the slave's TID, and keep the result for the status.

    Raises:
        CommandFailed: they differ, or cannot be compared.
    """
    turned = replace(pair, master=action.master, slave=action.slave)
    display = make_display(pair.name)
    options = Options(Sample(), JOBS, is_restart=True, is_counted=sys.stderr.isatty())
    try:
        verified = verify_pair(turned, config, options, display)
    except EndRefused as error:
        if not (action.master.host.needs_login or action.slave.host.needs_login):
            raise
        print_text(f"    compared by TIDs only: {error.message}")
        return
    finally:
        display.close()
    keep_result(verified, config.daemon)
    if not verified.is_equal:
        for each in verified.first[:MOST_SHOWN]:
            print_text(f"    {each}")
        message = f"{action.master} and {action.slave} differ: {verified.differences} differences"
        raise CommandFailed(message, "nothing more was done; look at them first")
    print_text(f"    equal as of {format_tid(verified.tid)}: {show_entries(verified.entries)}")
