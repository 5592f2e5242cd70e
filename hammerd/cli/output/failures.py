"""The failures of commands; each carries the exit status that it ends the command with."""

from hammerd.core.errors import ConfigError, HammerdError
from hammerd.core.exit_codes import Exit


class CommandFailed(HammerdError):  # noqa: N818 - what happened, not a suffix
    """A command could not do what it was asked; `code` is its exit status."""

    def __init__(self, message: str, hint: str = "", *, code: int = Exit.FAILURE) -> None:
        super().__init__(message, hint)
        self.code = code


class NoDaemon(CommandFailed):
    """No hammerd answers; `is_refused` where its socket is there and takes no connection."""

    def __init__(self, message: str, hint: str = "", *, is_refused: bool = False) -> None:
        super().__init__(message, hint, code=Exit.UNAVAILABLE)
        self.is_refused = is_refused


class DaemonUnreachable(CommandFailed):
    """A hammerd lives, and cannot be asked."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, code=Exit.UNAVAILABLE)


def exit_code(error: HammerdError) -> int:
    """Return the exit status that an error ends a command with."""
    if isinstance(error, CommandFailed):
        return error.code
    return Exit.CONFIG if isinstance(error, ConfigError) else Exit.FAILURE
