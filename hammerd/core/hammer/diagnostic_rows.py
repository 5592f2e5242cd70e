"""Defines a row of the table of complaints, and makes rows by their cure."""

import re
from dataclasses import dataclass
from functools import partial

from hammerd.core.hammer.messages import Cure, ParkCause, Weight


@dataclass(frozen=True, slots=True)
class ComplaintRow:
    """One kind of complaint; `hint` may name the pattern's groups in braces."""

    name: str
    pattern: re.Pattern[str]
    cure: Cure
    hint: str
    park_cause: ParkCause | None = None
    weight: Weight = Weight.OWN


def row(
    then: Cure | ParkCause, name: str, pattern: str, hint: str, weight: Weight = Weight.OWN
) -> ComplaintRow:
    """Make a row with a cure, or one that parks the pair for a cause."""
    cause, cure = (then, Cure.PARK) if isinstance(then, ParkCause) else (None, then)
    return ComplaintRow(name, re.compile(pattern), cure, hint, cause, weight)


retry = partial(row, Cure.RETRY)
mount = partial(row, Cure.MOUNT)
note = partial(row, Cure.NOTE)
echo = partial(row, Cure.ECHO)
refused = partial(row, ParkCause.REFUSED)
