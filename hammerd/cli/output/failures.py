"""Failures of commands; each carries the exit status with which the command ends."""

from hammerd.core.errors import ConfigError, HammerdError
from hammerd.core.exit_codes import Exit


class CommandFailed(HammerdError):  # noqa: N818 - what happened, not a suffix
    """Failure of a command; `code` is the exit status."""

    def __init__(self, message: str, hint: str = "", *, code: int = Exit.FAILURE) -> None:
        super().__init__(message, hint)
        self.code = code


class NoDaemon(CommandFailed):
    """No hammerd answers; `is_refused` if the socket exists and refuses the connection."""

    def __init__(self, message: str, hint: str = "", *, is_refused: bool = False) -> None:
        super().__init__(message, hint, code=Exit.UNAVAILABLE)
        self.is_refused = is_refused


class DaemonRefused(CommandFailed):
    """A hammerd answered that it does not carry a request out."""


class DaemonUnreachable(CommandFailed):
    """A hammerd runs, but its sockets cannot be used; so no last state is shown."""


def may_be_absent(error: HammerdError) -> bool:
    """Return whether no hammerd answers, and none is known to run."""
    return exit_code(error) == Exit.UNAVAILABLE and not isinstance(error, DaemonUnreachable)


def exit_code(error: HammerdError) -> int:
    """Return the exit status for a command that ended with `error`."""
    if isinstance(error, CommandFailed):
        return error.code
    return Exit.CONFIG if isinstance(error, ConfigError) else Exit.FAILURE
