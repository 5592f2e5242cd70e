"""Reads the answer of a pfs-status that ran on another host, through a login.

    exit 0, a block for each path     all were read
    exit 1, a line of hammer itself   the first path without a block failed, the next were not read
    anything else                     nothing is known of the paths: ssh, a login, a shell or the
                                      restriction of a key is the reason

Only the second is hammer's own answer about a path. A host on which ssh works and pfs-status does
not (an older hammer, a restricted key) is not to be asked often: `is_lasting`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hammerd.core.characters import printable
from hammerd.core.errors import BadOutput
from hammerd.core.hammer.messages import Complaint, Cure
from hammerd.core.hammer.output_parser import complaints_in
from hammerd.core.hammer.pfs_status import PfsStatus, parse_pfs_status

SSH_FAILED_STATUS = "exit 255"
LONGEST_TEXT = 300

_OF_A_PATH = re.compile(r"^hammer: (?:Failed to open |Cannot access |.*not a HAMMER fs/pseudofs!)")
"""The messages of pfs-status about a path (docs/hammer.md 6.1)."""

_SWITCH_HINT = "probe_remote = false keeps hammerd from asking"


@dataclass(frozen=True, slots=True)
class NotRead:
    """The reason why nothing is known of the paths of a host; `because` is a short stable name.

    `text` is a line of ssh or of the other host, or a description without one.
    """

    because: str
    text: str
    hint: str = ""
    is_lasting: bool = False


@dataclass(frozen=True, slots=True)
class FarAnswer:
    """The blocks of the first paths, and why there are no more.

    `failure` is hammer's own complaint about the first path without a block.
    """

    statuses: tuple[PfsStatus, ...] = ()
    failure: Complaint | None = None
    not_read: NotRead | None = None


def far_answer(status: str, stdout: str, stderr: str, paths: Sequence[str]) -> FarAnswer:
    """Read what the ssh of a pfs-status of these paths printed, and how it ended."""
    try:
        statuses = parse_pfs_status(stdout)
    except BadOutput as error:
        return FarAnswer(not_read=NotRead("bad_output", _cut(error.message), is_lasting=True))
    if [each.path for each in statuses] != list(paths[: len(statuses)]):
        text = "its pfs-status names other paths than it was asked for"
        return FarAnswer(not_read=NotRead("bad_output", text, is_lasting=True))
    if len(statuses) == len(paths):
        return FarAnswer(statuses)
    complaints = complaints_in(stderr.encode())
    own = next((each for each in complaints if _OF_A_PATH.match(each.text)), None)
    if status == "exit 1" and own is not None:
        return FarAnswer(statuses, failure=own)
    return FarAnswer(statuses, not_read=_not_read(status, stderr, complaints))


def _cut(text: str) -> str:
    """Return a text of another host as the log and the status can show it."""
    return printable(text[:LONGEST_TEXT])


def _not_read(status: str, stderr: str, complaints: Sequence[Complaint]) -> NotRead:
    cause = max(complaints, key=lambda each: each.weight, default=None)
    is_login_good = status.startswith("exit ") and status != SSH_FAILED_STATUS
    if cause is not None and not is_login_good:
        return NotRead(cause.name, _cut(cause.text), cause.hint)
    if cause is not None:
        hint = f"{cause.hint}; {_SWITCH_HINT}"
        return NotRead(cause.name, _cut(cause.text), hint, is_lasting=cause.cure is Cure.PARK)
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    text = _cut(lines[-1]) if lines else f"it ended with {status} and printed no reason"
    because = "probe_silent" if is_login_good else "ssh_failed"
    hint = (
        f'as root, "ssh HOST hammer pfs-status PATH" must work, and "hammerd doctor PAIR" tries'
        f" it; {_SWITCH_HINT}"
    )
    return NotRead(because, text, hint, is_lasting=is_login_good)
