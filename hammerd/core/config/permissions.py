"""Checks that only root can change a config that root uses.

The config names the program that hammerd runs as root, and the files that it writes. So the file
itself, any link to it, and the directories that contain the link and the file must be root's; a
directory that everybody may write to is accepted if it is sticky, as /tmp is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hammerd.core.errors import Fault

ROOT = 0
MOVE_CONFIG_HINT = (
    "move the config to a directory that only root can write to, like /usr/local/etc"
)
_GROUP_WRITES, _OTHERS_WRITE, _STICKY = 0o020, 0o002, 0o1000


@dataclass(frozen=True, slots=True)
class PathPermissions:
    """The owner, group and mode (as in stat) of a file or directory."""

    path: str
    uid: int
    gid: int
    mode: int
    is_directory: bool = False
    is_link: bool = False


def permission_faults(
    paths: Iterable[PathPermissions], euid: int, directory_hint: str = MOVE_CONFIG_HINT
) -> tuple[Fault, ...]:
    """Find paths by which other users could change the config of a process of root.

    There are no faults for a process of another user. `directory_hint` is the hint for another
    user's directory, whose owner must stay as it is: it may be a home.
    """
    if euid != ROOT:
        return ()
    return tuple(fault for each in paths for fault in _faults(each, directory_hint))


def _faults(found: PathPermissions, directory_hint: str) -> Iterator[Fault]:
    kind = "directory" if found.is_directory else "file"
    path, mode = found.path, f"mode {found.mode & 0o7777:04o}"
    if found.uid != ROOT:
        chown = "chown -h" if found.is_link else "chown"
        cure = directory_hint if found.is_directory else f'"{chown} root {path}"'
        hint = f"who owns it can change what root runs: {cure}"
        yield Fault(kind, f"{path} is not root's", f"uid {found.uid}", hint)
    if found.is_directory and found.mode & _STICKY:
        return
    is_other_users = found.is_directory and found.uid != ROOT
    cure = directory_hint if is_other_users else f'"chmod go-w {path}"'
    hint = f"they could change what root runs: {cure}"
    if found.mode & _OTHERS_WRITE:
        yield Fault(kind, f"everybody may write to {path}", mode, hint)
    # Root's group, wheel on the BSDs, is trusted as root is.
    elif found.mode & _GROUP_WRITES and found.gid != ROOT:
        yield Fault(kind, f"group {found.gid} may write to {path}", mode, hint)
