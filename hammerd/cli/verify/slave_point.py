"""Finds the TID up to which a slave holds its master: the point in time that is verified."""

import os
import pwd

from hammerd.cli.check.bounded_command import CommandResult, run_command
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.characters import printable
from hammerd.core.errors import BadOutput
from hammerd.core.exit_codes import Exit
from hammerd.core.hammer.commands import environment, pfs_status_argv
from hammerd.core.hammer.output_parser import find_cause
from hammerd.core.hammer.pfs_links import parse_link_text
from hammerd.core.hammer.pfs_status import parse_pfs_status
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import NEVER_MIRRORED, Tid

MOST_LINKS = 16


def slave_tid(pair: Pair, hammer: str) -> Tid:
    """Return the sync-end-tid of a pair's slave.

    Raises:
        CommandFailed: it cannot be read, or the slave has nothing to compare.
    """
    tid = _tid_of(pair.slave, hammer, pair.timing.probe_timeout_s)
    if tid is None:
        raise CommandFailed(
            f"slave {pair.slave} is a master now",
            "a promoted slave has no point in time of its master any more",
            code=Exit.UNAVAILABLE,
        )
    if tid <= NEVER_MIRRORED:
        raise CommandFailed(
            f"slave {pair.slave} was never mirrored to",
            "wait for its first commit",
            code=Exit.UNAVAILABLE,
        )
    return tid


def slave_disk(pair: Pair) -> str:
    """Return the device of a slave's file system and the number of its PFS; empty if far.

    The disk itself names its device. A slave that is made anew gets another number.
    """
    if not pair.slave.host.shares_paths:
        return ""
    try:
        device = f"{os.lstat(pair.slave.path).st_dev:x}"
    except OSError:
        return ""
    path = pair.slave.path
    for _ in range(MOST_LINKS):
        if (text := _link_text(path)) is None:
            break
        if (found := parse_link_text(text)) is not None:
            return f"{device}:{found.pfs_id}"
        path = os.path.join(os.path.dirname(path), text)
    return device


def _tid_of(slave: Endpoint, hammer: str, timeout_s: float) -> Tid | None:
    """Return a slave's TID, None if it is a master."""
    if slave.host.shares_paths and (link := _link_text(slave.path)) is not None:
        found = parse_link_text(link)
        if found is not None:
            # Without a pfs-status, which overwrites the stored TID of a promoted slave.
            return found.tid
    argv = pfs_status_argv(hammer, [slave])
    done = run_command(argv, timeout_s, environment(pwd.getpwuid(os.getuid()).pw_dir))
    try:
        blocks = parse_pfs_status(done.text) if done.status == 0 else ()
    except BadOutput:
        blocks = ()
    if not blocks:
        raise CommandFailed(
            f"cannot read slave {slave}: {_reason(done)}",
            "look at what hammerd doctor says of this pair",
            code=Exit.UNAVAILABLE,
        )
    return None if blocks[0].is_master else blocks[0].sync_end_tid


def _link_text(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _reason(done: CommandResult) -> str:
    if done.start_error:
        return done.start_error
    if done.is_late:
        return "hammer pfs-status does not come back"
    cause = find_cause(done.err)
    return printable(cause.text if cause else done.error_text.strip() or f"exit {done.status}")
