"""Tells which library of the web server is missing, and how to install it."""

import contextlib
from collections.abc import Iterator

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.exit_codes import Exit

PACKAGES = {
    "prometheus_client": "prometheus-client",
    "starlette": "starlette",
    "uvicorn": "uvicorn",
}


@contextlib.contextmanager
def naming_missing_libraries(command: str) -> Iterator[None]:
    """Turn the failed import of a library into a message that says how to install it.

    Raises:
        CommandFailed: a library is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in PACKAGES:
            raise
        raise CommandFailed(
            f"hammerd {command} needs {name}, which is not installed",
            f"pkg install py311-{PACKAGES[name]}, or pip install 'hammerd[web]'",
            code=Exit.UNAVAILABLE,
        ) from error
