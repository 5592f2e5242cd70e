"""Fits the hints of the table of complaints to a pair.

A row of the table depends on a message only. The pair determines which endpoints are remote.
"""

from dataclasses import replace

from hammerd.core.hammer.messages import Complaint
from hammerd.core.pairs import Pair, needs_login

LOCAL_ROOT_HINT = "mirroring needs root: start hammerd as root"

MASTER_KEY_VERBS = "mirror-read-stream,mirror-read,pfs-status"
SLAVE_KEY_VERBS = "mirror-write,pfs-status"
"""The verbs that a key's forced command must allow for a master and for a slave.

See docs/hammer.md 7.4.
"""


def fit_hint(complaint: Complaint, pair: Pair) -> Complaint:
    """Return a complaint of a pair's stream with the hint that fits this pair."""
    if complaint.name == "root_needed" and not needs_login(pair):
        return replace(complaint, hint=LOCAL_ROOT_HINT)
    if complaint.name == "key_restricted" and needs_login(pair):
        return replace(complaint, hint=_key_hint(pair))
    return complaint


def _key_hint(pair: Pair) -> str:
    both = ((pair.master, MASTER_KEY_VERBS), (pair.slave, SLAVE_KEY_VERBS))
    lines = [
        f'{one.host.login}: command="/sbin/hammer ssh-remote {verbs} {one.path}",restrict'
        for one, verbs in both
        if one.host.needs_login
    ]
    return (
        "the key's forced command on the other host does not allow this; in authorized_keys the"
        f" key's line must begin so, on {'; on '.join(lines)}"
    )
