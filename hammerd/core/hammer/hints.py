"""Fits what the table of complaints advises to the pair that it is about.

A row knows a message only; which end is meant, and whether there is another host, says the pair.
"""

from dataclasses import replace

from hammerd.core.hammer.messages import Complaint
from hammerd.core.pairs import Endpoint, Pair, has_remote_endpoint

LOCAL_ROOT_HINT = "mirroring needs root: start hammerd as root"

READ_VERBS = "mirror-read-stream,mirror-read,pfs-status"
WRITE_VERBS = "mirror-write,pfs-status"
"""What the forced command of a key must allow for a master and for a slave.

See docs/hammer.md 7.4.
"""


def fit_hint(complaint: Complaint, pair: Pair) -> Complaint:
    """Return a complaint of a pair's stream with a hint that is of this pair."""
    if complaint.name == "root_needed" and not has_remote_endpoint(pair):
        return replace(complaint, hint=LOCAL_ROOT_HINT)
    if complaint.name == "key_restricted" and has_remote_endpoint(pair):
        return replace(complaint, hint=_key_hint(pair))
    return complaint


def _key_hint(pair: Pair) -> str:
    lines = [
        f"{end.login}: {forced_command(end, verbs)}"
        for end, verbs in ((pair.master, READ_VERBS), (pair.slave, WRITE_VERBS))
        if end.is_remote
    ]
    return (
        "the key's forced command on the other host does not allow this; in authorized_keys the"
        f" key's line must begin so, on {'; on '.join(lines)}"
    )


def forced_command(end: Endpoint, verbs: str) -> str:
    """Return how the line of a key in authorized_keys must begin that is for one end only."""
    return f'command="/sbin/hammer ssh-remote {verbs} {end.path}",restrict'
