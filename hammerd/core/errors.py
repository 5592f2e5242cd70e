"""Defines the exceptions of hammerd, one level deep.

    HammerdError
    ├── ConfigError      the config has faults, all of them listed
    ├── SpawnError       a process could not be started
    ├── ControlError     a request could not be answered
    ├── AlreadyRunning   another hammerd holds the lock
    └── BadOutput        a program's output has an unexpected form

An error message of hammer(8) is data (core/hammer/diagnostics.py), never an exception.
"""

from dataclasses import dataclass


class HammerdError(Exception):
    """A failure: `message` names what failed, `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a config: its key path, what is wrong, the value as given, and a hint."""

    where: str
    what: str
    got: str = ""
    hint: str = ""

    def __str__(self) -> str:
        got = f" (got {self.got})" if self.got else ""
        hint = f"\n    hint: {self.hint}" if self.hint else ""
        return f"{self.where}: {self.what}{got}{hint}"


class ConfigError(HammerdError):
    """The config cannot be used; `faults` lists all its faults."""

    def __init__(self, source: str, faults: tuple[Fault, ...]) -> None:
        count = f"{len(faults)} fault{'' if len(faults) == 1 else 's'}"
        lines = "".join(f"\n  {fault}" for fault in faults)
        super().__init__(f"{source}: {count}{lines}")
        self.source = source
        self.faults = faults


class SpawnError(HammerdError):
    """A process could not be started; `errno` is the reason, 0 if unknown."""

    def __init__(self, message: str, hint: str = "", errno: int = 0) -> None:
        super().__init__(message, hint)
        self.errno = errno


class ControlError(HammerdError):
    """A request to the daemon could not be sent, understood or answered."""


class AlreadyRunning(HammerdError):  # noqa: N818 - the sentence a person reads, not a suffix
    """Another hammerd holds the lock; the message names its pid."""


class BadOutput(HammerdError):  # noqa: N818 - what happened, not a suffix
    """A program's output has an unexpected form."""
