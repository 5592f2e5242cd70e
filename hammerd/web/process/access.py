"""Finds what the user of the web server may not read, so that it is told at the start."""

import errno
import grp
import os
import stat

from hammerd.cli.options.location import Location
from hammerd.core.errors import HammerdError
from hammerd.core.paths import STATUS_FILE, STATUS_SOCKET
from hammerd.web.views import View, read_view


def check_access(location: Location, user: str) -> None:
    """Check that the status and the history may be read, as far as they are there.

    Raises:
        HammerdError: `user` may not read all of them.
    """
    run_dir = location.find_run_dir()
    faults = [_fault(os.path.join(run_dir, STATUS_SOCKET), os.R_OK | os.W_OK)]
    if not any(faults):
        faults += [_fault(path, os.R_OK) for path in _files(read_view(location))]
    if found := [fault for fault in faults if fault]:
        raise HammerdError(
            f"user {user} may not read {', '.join(found)}",
            f"have {user} join that group; better make one for it, and name it as status_group "
            "(docs/web.md)",
        )


def _files(view: View) -> list[str]:
    path = view.history_path
    return [] if path is None else [path, os.path.join(os.path.dirname(path), STATUS_FILE)]


def _fault(path: str, mode: int) -> str | None:
    """Return a path with its group and mode if it is there and may not be used."""
    if os.access(path, mode):
        return None
    try:
        found = os.stat(path)
    except OSError as error:
        # What is missing will be made with the group of the config.
        return (
            None if error.errno in (errno.ENOENT, errno.ENOTDIR) else f"{path}: {error.strerror}"
        )
    return f"{path} (group {_group(found.st_gid)}, mode {stat.S_IMODE(found.st_mode):04o})"


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
