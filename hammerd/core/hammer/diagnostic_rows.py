"""Defines a row of the table of complaints: a pattern, a cure and a hint."""

import re
from dataclasses import dataclass

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


def retry(name: str, pattern: str, hint: str, weight: Weight = Weight.OWN) -> ComplaintRow:
    """Make a row for an error that may pass by itself."""
    return ComplaintRow(name, re.compile(pattern), Cure.RETRY, hint, weight=weight)


def mount(name: str, pattern: str, hint: str) -> ComplaintRow:
    """Make a row for a file system or PFS that is missing, perhaps not mounted yet."""
    return ComplaintRow(name, re.compile(pattern), Cure.MOUNT, hint)


def note(name: str, pattern: str, hint: str) -> ComplaintRow:
    """Make a row for a message that is reported while the stream goes on."""
    return ComplaintRow(name, re.compile(pattern), Cure.NOTE, hint)


def echo(name: str, pattern: str, hint: str) -> ComplaintRow:
    """Make a row for a message which only means that the other half has ended."""
    return ComplaintRow(name, re.compile(pattern), Cure.ECHO, hint)


def refused(name: str, pattern: str, hint: str, weight: Weight = Weight.OWN) -> ComplaintRow:
    """Make a row for an error that never passes with this configuration."""
    return ComplaintRow(name, re.compile(pattern), Cure.PARK, hint, ParkCause.REFUSED, weight)


def parked(name: str, pattern: str, cause: ParkCause, hint: str) -> ComplaintRow:
    """Make a row that parks the pair for its own cause."""
    return ComplaintRow(name, re.compile(pattern), Cure.PARK, hint, cause)
