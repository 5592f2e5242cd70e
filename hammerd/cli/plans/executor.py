"""Carries out the actions of steps on this machine, and on hosts that a second key opens."""

from collections.abc import Callable
from dataclasses import replace
from typing import assert_never

from hammerd.cli.options.location import Location
from hammerd.cli.output.failures import NoDaemon
from hammerd.cli.output.text import print_text
from hammerd.cli.plans import commands
from hammerd.cli.plans.commands import Programs
from hammerd.cli.plans.copy import run_copy
from hammerd.cli.plans.files import write_file
from hammerd.core.api.protocol import Request, Verb
from hammerd.core.hammer.commands import stream_environment
from hammerd.core.hosts.host import Host
from hammerd.core.pairs import Gear, Pair
from hammerd.core.plans.steps import (
    Action,
    Command,
    Compare,
    Copy,
    EndGroup,
    Hold,
    KeepHeld,
    Release,
    ReloadDaemon,
    WriteFile,
)
from hammerd.core.tid import format_tid

Special = Callable[[Compare | EndGroup], None]
"""Carries out what only some plans have; raises a HammerdError if that fails."""


def no_special(action: Compare | EndGroup) -> None:
    """Refuse an action that the plan does not have.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{action} is no action of this plan")


class MachineExecutor:
    """An executor of cli/plans/runner.py for one pair."""

    def __init__(
        self, programs: Programs, pair: Pair, location: Location, special: Special
    ) -> None:
        self._programs = programs
        self._pair = pair
        self._location = location
        self._special = special

    def can_run(self, host: Host) -> bool:
        """Return whether commands are run on a host; if not, they are shown to a person."""
        return host.administered is not None

    def run(self, action: Action) -> None:
        """Carry out an action.

        Raises:
            HammerdError: it failed.
            ValueError: it is one of the record, which the runner does itself.
        """
        match action:
            case Command():
                commands.run(self._programs, action)
            case Copy():
                self._copy(action)
            case WriteFile(path):
                backup = write_file(action)
                print_text(f"    wrote {path}" + (f", the old one is {backup}" if backup else ""))
            case ReloadDaemon():
                self._reload()
            case Compare() | EndGroup():
                self._special(action)
            case Hold() | KeepHeld() | Release():
                raise ValueError(f"{action} is no action of a machine")
            case _:
                assert_never(action)

    def _copy(self, copy: Copy) -> None:
        tid = run_copy(self._programs.hammer, copy, self._copy_env(copy))
        print_text(
            f"    succeeded, slave at TID {format_tid(tid)}" if tid else "    nothing is new"
        )

    def _copy_env(self, copy: Copy) -> dict[str, str]:
        """Return the environment of a copy; a half on another host is started by hammerd-rsh."""
        # Imported only here: it is the daemon's.
        from hammerd.daemon.process.rsh_program import rsh_program

        pair = replace(self._pair, master=copy.source, slave=copy.target)
        home = self._programs.env["HOME"]
        env = stream_environment(home, rsh_program(), pair, Gear.BULK)
        return {**env, "PATH": self._programs.env["PATH"]}

    def _reload(self) -> None:
        try:
            self._location.send(Request(Verb.RELOAD))
        except NoDaemon:
            print_text("    no hammerd runs")
