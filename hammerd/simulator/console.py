"""What a command says: stderr at once as err(3) does, stdout all together at the end.

Nothing here raises: a command whose reader is gone goes on or dies by its signal.
"""

from __future__ import annotations

import os


class CommandError(Exception):
    """Ends the command with status 1 after its message, like err(3) and errx(3)."""

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
            complain(piece)


class CommandOver(Exception):  # noqa: N818 - status 0 is no error
    """Ends the command with a status and no word more."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


_pending: list[bytes] = []


def complain(text: str) -> None:
    """Write to stderr as it is, at once; what finds no room there is lost, as stdio loses it."""
    try:  # noqa: SIM105 - contextlib costs every process of a stream 0.2 MB
        os.write(2, os.fsencode(text))
    except OSError:
        pass  # EAGAIN, or EPIPE with SIGPIPE ignored: hammer does not look either


def say(text: str) -> None:
    """Add to stdout, which is written when the command ends or asks."""
    _pending.append(os.fsencode(text))


def flush() -> None:
    """Write what was said so far."""
    data = b"".join(_pending)
    _pending.clear()
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        pass
