"""Output of a command: stderr is written at once as by err(3), stdout when the command ends.

Writing raises nothing: without a reader the command continues or is ended by SIGPIPE.
"""

import os


class CommandError(Exception):
    """Ends the command with a message and status 1, like err(3) and errx(3)."""

    def __init__(self, text: str, error: OSError | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.error = error

    def report(self) -> None:
        """Write the message in the separate pieces that err(3) writes."""
        pieces = ["hammer: ", self.text]
        if self.error is not None:
            pieces += [": ", os.strerror(self.error.errno or 0)]
        for piece in [*pieces, "\n"]:
            write_stderr(piece)


class CommandExit(Exception):  # noqa: N818 - status 0 is no error
    """Ends the command with a status and no message."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


_stdout: list[bytes] = []


def write_stderr(text: str) -> None:
    """Write to stderr at once; text that does not fit is lost, as stdio loses it."""
    try:  # noqa: SIM105 - contextlib costs every process of a stream 0.2 MB
        os.write(2, os.fsencode(text))
    except OSError:
        pass  # EAGAIN, or EPIPE with SIGPIPE ignored: hammer does not check either


def write_stdout(text: str) -> None:
    """Add to the buffer of stdout, which is written at the end or by flush_stdout."""
    _stdout.append(os.fsencode(text))


def flush_stdout() -> None:
    """Write the buffer of stdout."""
    data = b"".join(_stdout)
    _stdout.clear()
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        pass
