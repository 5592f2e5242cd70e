"""Defines the step of a plan that turns the pair round in the config."""

from dataclasses import dataclass

from hammerd.core.plans.steps import WriteFile

RELOADED = "reloaded"
"""The note that hammerd has read the turned config."""

YES = "yes"


@dataclass(frozen=True, slots=True)
class Turn:
    """The edit that turns the pair round in the config; `edit` is None when that is done."""

    edit: WriteFile | None = None
