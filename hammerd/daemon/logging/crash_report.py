"""What ends a daemon that was ready goes into its log: its stderr may lead nowhere by then.

The line is written at once and by hand: the loop and the writer thread may be what broke.
"""

import contextlib
import os
import traceback
from collections.abc import Iterator
from pathlib import Path

from hammerd.core.config.model import DaemonConfig
from hammerd.daemon.logging.files import open_log
from hammerd.daemon.logging.setup import render


@contextlib.contextmanager
def last_words(settings: DaemonConfig) -> Iterator[None]:
    """Log what is raised below, and let it go on."""
    try:
        yield
    except Exception as error:
        trace = "".join(traceback.format_exception(error))
        hint = "please report this; hammerd has ended, its streams have not: start it again"
        line = render(
            settings.log_format,
            "error",
            "daemon.died",
            because=repr(error),
            hint=hint,
            traceback=trace,
        )
        with contextlib.suppress(OSError):
            fd = open_log(Path(settings.log_file))
            os.write(fd, f"{line}\n".encode("utf-8", "backslashreplace"))
            os.close(fd)
        raise
