"""Tells from a status why a pair cannot catch up by itself, so that nobody waits in vain.

    held, disabled, parked, paused for longer    a person must act: give up at once
    waiting, probing, launching, stopping        it goes on by itself: wait

A slave that holds all is never given up, whatever its pair does.
"""

from dataclasses import dataclass

from hammerd.cli.client.status_types import HoldStatus, PairStatus
from hammerd.cli.output.numbers import seconds_between
from hammerd.cli.status.pair_notes import is_disabled


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A reason why a pair cannot catch up, and what to do about it."""

    because: str
    hint: str = ""


def obstacle_of(status: PairStatus, left_s: float, measured_time: str | None) -> Obstacle | None:
    """Return why a pair will not catch up within `left_s`, None if it may."""
    name = status["pair"]
    if hold := status.get("hold"):
        return _held(hold, status["hint"])
    if is_disabled(status):
        hint = 'take out enabled = false, then "hammerd reload"'
        return Obstacle("the config disables the pair", hint)
    if status["wanted"] == "paused":
        until_time = status["paused_until_time"]
        if until_time is not None and seconds_between(measured_time, until_time) < left_s:
            return None
        return Obstacle("the pair is paused", f'"hammerd resume {name}" lets it run')
    if status["wanted"] == "down":
        return Obstacle("hammerd is stopping", "wait until it is started again")
    if status["state"] == "parked":
        return Obstacle(f"the pair is parked: {status['because']}", status["hint"] or "")
    return None


def _held(hold: HoldStatus, hint: str | None) -> Obstacle:
    if hold["stage"] == "promoted":
        return Obstacle("the pair is held: its slave was promoted", hint or "")
    return Obstacle(f"the pair is held by {hold['plan']}", hint or "wait until that has ended")
