"""What one row of the table of complaints is: a pattern, what can be done, and what to do."""

import re
from dataclasses import dataclass

from hammerd.core.hammer.messages import Cure, ParkCause, Weight


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of complaint; `hint` may name the pattern's groups in braces."""

    name: str
    pattern: re.Pattern[str]
    cure: Cure
    hint: str
    park_cause: ParkCause | None = None
    weight: Weight = Weight.OWN


def retry(name: str, pattern: str, hint: str, weight: Weight = Weight.OWN) -> Row:
    """Make a row of what may pass by itself."""
    return Row(name, re.compile(pattern), Cure.RETRY, hint, weight=weight)


def mount(name: str, pattern: str, hint: str) -> Row:
    """Make a row of a file system or PFS that is not there (yet)."""
    return Row(name, re.compile(pattern), Cure.MOUNT, hint)


def note(name: str, pattern: str, hint: str) -> Row:
    """Make a row of what is told while the stream goes on."""
    return Row(name, re.compile(pattern), Cure.NOTE, hint)


def echo(name: str, pattern: str, hint: str) -> Row:
    """Make a row of what only says that the other half is gone."""
    return Row(name, re.compile(pattern), Cure.ECHO, hint)


def refused(name: str, pattern: str, hint: str, weight: Weight = Weight.OWN) -> Row:
    """Make a row of what will never work as configured."""
    return Row(name, re.compile(pattern), Cure.PARK, hint, ParkCause.REFUSED, weight)


def parked(name: str, pattern: str, cause: ParkCause, hint: str) -> Row:
    """Make a row that parks for a cause of its own."""
    return Row(name, re.compile(pattern), Cure.PARK, hint, cause)
