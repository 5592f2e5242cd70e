"""Writes metrics to a file for the textfile collector of node_exporter, for who wants no port."""

import contextlib
import os
import tempfile

from hammerd.core.errors import HammerdError

MODE = 0o644
"""The collector runs as another user."""


def write_textfile(path: str, content: bytes) -> None:
    """Replace a file as a whole; a reader never sees a part of it.

    Raises:
        HammerdError: it cannot be written.
    """
    directory = os.path.dirname(path) or "."
    try:
        # The name must not end in .prom: the collector reads all that do.
        fd, new = tempfile.mkstemp(
            prefix=f".{os.path.basename(path)}.", suffix=".new", dir=directory
        )
        try:
            with open(fd, "wb") as file:
                os.fchmod(file.fileno(), MODE)
                file.write(content)
            os.replace(new, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise
    except OSError as error:
        hint = "name a file in the directory that node_exporter reads (--collector.textfile)"
        raise HammerdError(f"cannot write {path}: {error.strerror}", hint) from error
