"""Defines the record of a plan, which keeps its pair from being streamed.

A record stands in state_dir/plans while a plan changes the ends of a pair, and after a promotion
until a person resumes the pair. It outlives hammerd, so a pair whose slave was promoted while
hammerd was dead is not streamed by the next one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from hammerd.core.errors import BadOutput

VERSION = 1


class PlanName(StrEnum):
    """The plans, named after their commands."""

    PROVISION = "provision"
    PROMOTE = "promote"
    SWITCHOVER = "switchover"
    RESEED = "reseed"


class Stage(StrEnum):
    """RUNNING: steps are left. PROMOTED: the slave is a master now, and the pair stays held."""

    RUNNING = "running"
    PROMOTED = "promoted"


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """The record of a plan: its pair, the name of its last step that began, and its notes.

    `begun_time` is in seconds of wall time. `notes` are facts of the moment of a step that
    cannot be read any more later, such as a TID before a promotion.
    """

    pair: str
    plan: PlanName
    begun_time: float
    stage: Stage = Stage.RUNNING
    step: str = ""
    notes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


SLAVE_LINK = "slave_link"

_NAMES = {
    "master": ("old_master", "master_link"),
    "slave": ("new_master", SLAVE_LINK),
    "target": ("target_name", "target_link"),
}
"""The notes of an end: its name in the config, and its softlink."""


def noted_paths(record: PlanRecord) -> tuple[str, ...]:
    """Return the paths on this host of the ends that a plan changes, whatever names them now.

    A promotion that has ended changes nothing more.
    """
    if record.stage is Stage.PROMOTED:
        return ()
    ends = _changed_ends(record.plan)
    noted = (tuple(filter(None, map(record.notes.get, _NAMES[end]))) for end in ends)
    return tuple(
        path for paths in noted if all(path.startswith("/") for path in paths) for path in paths
    )


def _changed_ends(plan: PlanName) -> tuple[str, ...]:
    match plan:
        case PlanName.PROVISION:
            return ("slave",)
        case PlanName.RESEED:
            return ("target",)
        case PlanName.PROMOTE | PlanName.SWITCHOVER:
            return ("master", "slave")
        case _:
            assert_never(plan)


def format_record(record: PlanRecord) -> str:
    """Return the JSON text of a record."""
    fields = {
        "version": VERSION,
        "pair": record.pair,
        "plan": record.plan,
        "stage": record.stage,
        "begun_time": record.begun_time,
        "step": record.step,
        "notes": dict(record.notes),
    }
    return json.dumps(fields, indent=1) + "\n"


def parse_record(text: str) -> PlanRecord:
    """Read the JSON text of a record.

    Raises:
        BadOutput: it is not one; the message names the fault.
    """
    try:
        return _record(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise BadOutput(f"it is no record of a plan: {error}") from error


def _record(fields: object) -> PlanRecord:
    match fields:
        case {
            "version": 1,
            "pair": str(pair),
            "plan": str(plan),
            "stage": str(stage),
            "begun_time": float() | int() as begun_time,
            "step": str(step),
            "notes": dict(notes),
        }:
            texts = {str(key): str(value) for key, value in notes.items()}
            return PlanRecord(pair, PlanName(plan), float(begun_time), Stage(stage), step, texts)
        case _:
            raise ValueError("a field is missing, or of another kind")
