"""Keeps the result of a verification, and tells a running hammerd of it."""

from pathlib import Path

from hammerd.cli.client.control_client import send_request
from hammerd.cli.output.failures import CommandFailed, may_be_absent
from hammerd.cli.output.text import print_to_stderr
from hammerd.core import paths
from hammerd.core.api.protocol import Request, Verb
from hammerd.core.config.model import DaemonConfig
from hammerd.core.exit_codes import Exit
from hammerd.core.verify.verified import Verified, format_verified

DIRECTORY_MODE = 0o700


def keep_result(verified: Verified, settings: DaemonConfig) -> None:
    """Write the result until it is on the disk, then tell a hammerd that runs.

    Raises:
        CommandFailed: it cannot be written.
    """
    # Imported late, as every reader of the daemon's files.
    from hammerd.daemon.state import atomic_file

    directory = Path(settings.state_dir) / paths.VERIFIED_DIR
    try:
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        atomic_file.replace(directory / f"{verified.pair}.json", (format_verified(verified),))
    except OSError as error:
        message = f"cannot write the result in {directory}: {error.strerror}"
        raise CommandFailed(message, code=Exit.IO_ERROR) from error
    try:
        send_request(settings.run_dir, Request(Verb.VERIFIED, (verified.pair,)))
    except CommandFailed as error:
        # A hammerd that is started later reads the file.
        if not may_be_absent(error):
            print_to_stderr(f"hammerd: the running hammerd was not told: {error.message}")
