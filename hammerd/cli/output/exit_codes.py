"""How a command ends: exit statuses from sysexits(3), and the failure that carries one."""

from enum import IntEnum

from hammerd.core.errors import ConfigError, HammerdError


class Exit(IntEnum):
    """The exit statuses of hammerd's commands."""

    OK = 0
    FAILURE = 1
    USAGE = 64
    DATA = 65
    NO_INPUT = 66
    UNAVAILABLE = 69
    IO_ERROR = 74
    TEMPORARY = 75
    PROTOCOL = 76
    NO_PERMISSION = 77
    CONFIG = 78
    INTERRUPTED = 130


class CommandFailed(HammerdError):  # noqa: N818 - what happened, not a suffix
    """A command could not do what it was asked; `code` is its exit status."""

    def __init__(self, message: str, hint: str = "", *, code: int = Exit.FAILURE) -> None:
        super().__init__(message, hint)
        self.code = code


class NobodyAnswers(CommandFailed):
    """No hammerd answers; `is_refused` where its socket is there and takes no connection."""

    def __init__(self, message: str, hint: str = "", *, is_refused: bool = False) -> None:
        super().__init__(message, hint, code=Exit.UNAVAILABLE)
        self.is_refused = is_refused


class Unreachable(CommandFailed):
    """A hammerd lives, and cannot be asked."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, code=Exit.UNAVAILABLE)


def exit_code(error: HammerdError) -> int:
    """Return the exit status that an error ends a command with."""
    if isinstance(error, CommandFailed):
        return error.code
    return Exit.CONFIG if isinstance(error, ConfigError) else Exit.FAILURE
