"""Describes a hold: a plan of the operator keeps a pair at rest, and its endpoints are left alone.

    running      a plan runs, or was interrupted; the pair rests until it ends
    promoted     the slave was promoted; the pair rests until a person resumes it
    unreadable   the record of a plan cannot be read; the pair rests until it is removed

A stream, or a flush, would change an end between two steps of the plan, and what a probe reads
then is half-way from one role to the other. So a held pair has no stream, probe, sample or flush.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from hammerd.core.pairs import Pair


class HoldStage(StrEnum):
    """The reason why a hold stands; the words are those of the status."""

    RUNNING = "running"
    PROMOTED = "promoted"
    UNREADABLE = "unreadable"


class HoldFault(StrEnum):
    """The fault of a held pair that needs a person; the words are those of log and status."""

    PLAN_UNREADABLE = "plan_unreadable"
    PROMOTED = "promoted"
    PLAN_INTERRUPTED = "plan_interrupted"


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold of a pair since `since_at` (monotonic).

    `plan` is the command, `step` its last step, or the fault of a record that cannot be read.
    `is_interrupted`: no process runs the plan, and it has not ended.
    """

    plan: str
    stage: HoldStage
    since_at: float
    step: str = ""
    is_interrupted: bool = False

    @property
    def owner(self) -> str:
        """The name of the holder for people, but for the pair."""
        return "an unreadable plan" if self.stage is HoldStage.UNREADABLE else self.plan

    @property
    def changes_roles(self) -> bool:
        """Whether the plan may turn a slave into a master, or a master into a slave."""
        return self.plan not in ("provision", "reseed")


def is_same_hold(one: Hold | None, other: Hold | None) -> bool:
    """Return whether two holds differ only in their steps and instants."""
    if one is None or other is None:
        return one is other
    return replace(one, step="", since_at=0.0) == replace(other, step="", since_at=0.0)


def hold_fault(hold: Hold, pair: Pair) -> tuple[HoldFault, str] | None:
    """Return the fault of a held pair and its hint; None while a plan runs."""
    name = pair.name
    match hold.stage:
        case HoldStage.UNREADABLE:
            return HoldFault.PLAN_UNREADABLE, (
                f"the record of a plan cannot be read ({hold.step}): look whether a plan was under"
                f' way; remove plans/{name}.json in state_dir if not, then "hammerd reload"'
            )
        case HoldStage.PROMOTED:
            return HoldFault.PROMOTED, (
                f"slave {pair.slave} was promoted, so the pair is not mirrored:"
                f' "hammerd reseed {name}" makes the old master a fresh slave of the new one;'
                f' "hammerd resume {name}" only lifts the hold'
            )
        case HoldStage.RUNNING if hold.is_interrupted:
            at = f' at step "{hold.step}"' if hold.step else ""
            return HoldFault.PLAN_INTERRUPTED, (
                f"{hold.plan} was interrupted{at}: nothing is mirrored until it has ended. Run"
                f' "hammerd {hold.plan} {name}" again, it goes on from there'
            )
        case HoldStage.RUNNING:
            return None
        case _:
            assert_never(hold.stage)
