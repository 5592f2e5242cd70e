"""Carries out a plan: looks, shows the steps, asks, and runs them one by one.

    look ──> plan ──> first step ──> look ──> plan ──> ... until no step is left

Nothing is remembered between two steps but what the next look finds, so a plan that was
interrupted and is run again goes on from where it was. The release of the pair ends a plan: from
then on its stream changes what a look finds.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, assert_never

import click

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.json_output import print_json
from hammerd.cli.output.text import print_line, print_text
from hammerd.core.errors import HammerdError
from hammerd.core.exit_codes import Exit
from hammerd.core.hosts.host import Host
from hammerd.core.plans.plan_json import plan_json
from hammerd.core.plans.record import PlanName, PlanRecord, Stage
from hammerd.core.plans.steps import (
    Action,
    Command,
    Compare,
    Copy,
    EndGroup,
    Hold,
    KeepHeld,
    Plan,
    Reason,
    Refused,
    Release,
    ReloadDaemon,
    Step,
    WriteFile,
    host_of,
    shown,
)

Facts = TypeVar("Facts")
INDENT = "    "


class Executor(Protocol):
    """Carries out the actions of steps, all but those of the plan's record."""

    def can_run(self, host: Host) -> bool:
        """Return whether commands are run on a host; if not, they are shown to a person."""

    def run(self, action: Action) -> None:
        """Carry out an action.

        Raises:
            HammerdError: it failed.
        """


class Records(Protocol):
    """The record of the pair's plan, and the running hammerd that must know of it."""

    def read(self) -> PlanRecord | None:
        """Return the record, None without one."""

    def write(self, record: PlanRecord) -> None:
        """Write the record until it is on the disk."""

    def remove(self) -> None:
        """Remove the record."""

    def tell_held(self) -> None:
        """Let a running hammerd end the pair's stream; return when it has ended.

        Raises:
            HammerdError: a hammerd runs, and did not end it.
        """

    def tell_released(self) -> None:
        """Let a running hammerd stream the pair again."""


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a person: which plan for which pair, and how far it may go.

    `as_json` is for a dry run only.
    """

    pair: str
    plan: PlanName
    is_dry_run: bool = False
    is_confirmed: bool = False
    as_json: bool = False


class Runner:
    """Carries out one plan of one pair."""

    def __init__(self, order: Order, executor: Executor, records: Records) -> None:
        self._order = order
        self._executor = executor
        self._records = records
        self._listed: tuple[str, ...] = ()
        self._is_begun = False
        self._step: Step | None = None

    def carry_out(
        self, look: Callable[[], Facts], plan_of: Callable[[Facts], Plan | Refused]
    ) -> int:
        """Carry out a plan to its end, and return the exit status.

        Raises:
            HammerdError: the plan was refused, or a step failed.
        """
        if self._order.is_dry_run:
            return self._dry_run(plan_of(look()))
        try:
            return self._run_all(look, plan_of)
        except KeyboardInterrupt:
            if self._step is not None:
                print_text(f"interrupted at step {self._step.name}")
                _print_ways(self._step)
            raise

    def _run_all(
        self, look: Callable[[], Facts], plan_of: Callable[[Facts], Plan | Refused]
    ) -> int:
        plan = plan_of(look())
        while True:
            plan = _allowed(plan)
            if not plan.steps:
                self._print_end(plan)
                return Exit.OK
            self._show(plan)
            self._confirm(plan)
            step = plan.steps[0]
            if not self._executor.can_run(host_of(step.action)):
                self._hand_over(plan)
                return Exit.TEMPORARY
            self._run(step)
            if isinstance(step.action, Release) and len(plan.steps) == 1:
                self._print_end(plan)
                return Exit.OK
            plan = plan_of(look())
            if isinstance(plan, Plan) and plan.steps and plan.steps[0].name == step.name:
                raise CommandFailed(
                    f"step {step.name} ended well, and is still to do: {step.purpose}",
                    "look at both ends with hammer pfs-status; nothing else was changed",
                )

    def _dry_run(self, plan: Plan | Refused) -> int:
        if self._order.as_json:
            print_json(plan_json(plan, self._order.pair, self._order.plan))
            return Exit.UNAVAILABLE if isinstance(plan, Refused) else Exit.OK
        if isinstance(plan, Refused):
            raise refusal_error(plan)
        if not plan.steps:
            self._print_end(plan)
            return Exit.OK
        self._show(plan)
        for title, lines in (("asks", (plan.question,)), ("afterwards", plan.afterwards)):
            for line in filter(None, lines):
                print_text(f"{title}: {line}")
        return Exit.OK

    def _show(self, plan: Plan) -> None:
        """Show a plan, if it is not the rest of the one that was shown before."""
        names = tuple(step.name for step in plan.steps)
        if self._is_begun and names == self._listed[-len(names) :]:
            return
        self._listed = names
        _print_notes(plan.notes)
        for reason in plan.before:
            print_text(f"first: {_text(reason)}")
        print_text(f"{len(names)} step{'' if len(names) == 1 else 's'} to do:")
        for number, step in enumerate(plan.steps, 1):
            print_text(f"  {number}. {step.name}: {step.purpose}")
            self._print_lines(step)
        for warning in plan.warnings:
            print_text(f"warning: {warning}")

    def _confirm(self, plan: Plan) -> None:
        """Ask once, before the first step.

        Raises:
            CommandFailed: nobody can be asked, or the answer is no.
        """
        if self._is_begun:
            return
        if plan.question and not self._order.is_confirmed:
            if not sys.stdin.isatty():
                message = f"{plan.question} nobody can be asked here"
                raise CommandFailed(message, f"say {plan.confirmed_by}", code=Exit.USAGE)
            if not click.confirm(plan.question):
                raise CommandFailed("nothing was done", code=Exit.FAILURE)
        self._is_begun = True

    def _run(self, step: Step) -> None:
        self._step = step
        print_text(f"== {step.name}")
        self._print_lines(step)
        try:
            self._note(step)
            self._act(step.action)
            self._note_done(step)
        except HammerdError:
            _print_ways(step)
            raise

    def _act(self, action: Action) -> None:
        match action:
            case Hold(notes):
                held = PlanRecord(self._order.pair, self._order.plan, time.time())
                self._records.write(replace(held, step="hold", notes=dict(notes)))
                self._records.tell_held()
            case KeepHeld():
                self._keep_held()
            case Release():
                self._records.remove()
                self._records.tell_released()
            case Command() | Copy() | WriteFile() | ReloadDaemon() | Compare() | EndGroup():
                self._executor.run(action)
            case _:
                assert_never(action)

    def _keep_held(self) -> None:
        record = self._records.read()
        if record is None:
            raise CommandFailed(f"the record of this plan of {self._order.pair} is missing")
        self._records.write(replace(record, stage=Stage.PROMOTED))
        self._records.tell_held()

    def _note(self, step: Step) -> None:
        """Write the step into the record, so that an interrupted plan tells where it was."""
        record = self._records.read()
        if record is not None:
            self._records.write(replace(record, step=step.name))

    def _note_done(self, step: Step) -> None:
        record = self._records.read() if step.notes else None
        if record is not None:
            self._records.write(replace(record, notes={**record.notes, **dict(step.notes)}))

    def _hand_over(self, plan: Plan) -> None:
        host = host_of(plan.steps[0].action)
        print_text(f"to do on {host.name}, as root there; then run this command again:")
        for step in plan.steps:
            if host_of(step.action) != host:
                break
            self._print_lines(step)

    def _print_end(self, plan: Plan) -> None:
        _print_notes(() if self._is_begun else plan.notes)
        for line in plan.afterwards:
            print_text(line)
        print_text(f"{self._order.plan} of {self._order.pair}: nothing is left to do")

    def _print_lines(self, step: Step) -> None:
        for line in shown(step.action, self._order.pair):
            print_line(f"{INDENT} {line}")


def _print_ways(step: Step) -> None:
    """Print the ways from a step that did not end well."""
    for line in step.way_back:
        print_text(f"way back: {line}")
    print_text("to go on: run the same command again")


def _print_notes(notes: tuple[str, ...]) -> None:
    """Print notes; one that is indented is to be copied, and stays whole."""
    for note in notes:
        if note.startswith(INDENT):
            print_line(note)
        else:
            print_text(note)


def _allowed(plan: Plan | Refused) -> Plan:
    """Return a plan that may run.

    Raises:
        CommandFailed: it was refused, or a person must do something first.
    """
    if isinstance(plan, Refused):
        raise refusal_error(plan)
    if plan.before:
        raise refusal_error(Refused(plan.before))
    return plan


def refusal_error(refused: Refused) -> CommandFailed:
    """Return the error of a refused plan, with all its reasons."""
    text = "\n  ".join(map(_text, refused.reasons))
    return CommandFailed(f"refused:\n  {text}", code=Exit.UNAVAILABLE)


def _text(reason: Reason) -> str:
    return reason.what + (f"\n    hint: {reason.hint}" if reason.hint else "")
