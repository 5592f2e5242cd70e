"""Tries what all pairs need on this host: a hammer that runs, and is a hammer."""

from functools import partial

from hammerd.cli.check.machine_check import hammer_fault
from hammerd.cli.doctor.lines.findings import Block, Find, Finding, Way, bad, ok
from hammerd.cli.doctor.system.kernel_log import kernel_log_finding
from hammerd.cli.doctor.system.machine import Machine, last_line

HAMMER_HINT = "name the hammer utility, /sbin/hammer on DragonFly"
_MARK = "mirror-stream"
"""A word of hammer's help."""


def examine_this_host(machine: Machine, hammer: str) -> Way:
    """Try the hammer of this host."""
    way = Way()
    way.step("hammer", partial(_hammer, machine, hammer))
    return way


def hammer_finding(machine: Machine, hammer: str, what: str) -> Finding:
    """Judge a hammer by its help; `what` names it."""
    done = machine.run_hammer(hammer, "-h")
    if _MARK in done.text + done.error_text:
        return ok(what)
    if done.is_late:
        return bad(f"{what} does not come back from its help", "does its disk hang? See dmesg")
    last = last_line(done)
    return bad(f"{what} is no hammer{f': {last}' if last else ''}", HAMMER_HINT)


def _hammer(machine: Machine, hammer: str) -> Finding:
    fault = hammer_fault(hammer)
    return (
        bad(f"{hammer} {fault.what}", fault.hint)
        if fault
        else hammer_finding(machine, hammer, hammer)
    )


def examine_system(machine: Machine, clock: Find | None = None) -> Block:
    """Try what concerns a host as a whole: its clock, and HAMMER's complaints in its kernel."""
    way = Way()
    if clock is not None:
        way.aside("clock", partial(machine.if_open, clock))
    way.aside("dmesg", partial(machine.if_open, partial(_kernel_log, machine)))
    return way.block(f"system of {machine.name}", host=machine.host.login)


def _kernel_log(machine: Machine) -> Finding:
    text = machine.output(machine.files.dmesg)
    return text if isinstance(text, Finding) else kernel_log_finding(text)
