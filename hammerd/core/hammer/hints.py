"""Fits the hints of the table of complaints to a pair.

A row of the table depends on a message only. The pair determines which endpoints are on another
host, and how that one is reached.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from hammerd.core.hammer.messages import Complaint
from hammerd.core.hosts.host import Host
from hammerd.core.pairs import Endpoint, Pair, needs_login

OF_THE_SLAVE = frozenset(
    {
        *("slave_missing", "slave_question_unanswered", "not_a_slave"),
        *("slave_full", "slave_read_only", "slave_write_error", "slave_write_failed"),
    }
)
OF_THE_MASTER = frozenset({"master_read_error", "master_read_failed", "cannot_wait"})
OF_A_PATH = frozenset(
    {"path_missing", "not_a_hammer_fs", "permission_denied", "open_failed", "access_failed"}
)
"""Complaints about an end of the pair: the hint names the host of that end."""

_WORDS = re.compile(r"\b(?:HOST|HOSTNAME|PAIR|FORGET_KEY|FETCH_KEY)\b")

LOCAL_ROOT_HINT = "mirroring needs root: start hammerd as root"


def fit_hint(complaint: Complaint, pair: Pair, named_end: Endpoint | None = None) -> Complaint:
    """Return a complaint of a pair's stream, or of a probe, with the hint that fits this pair.

    `named_end`: the complaint is about this end, and what stands before the hint names it.
    """
    if complaint.name == "root_needed" and not needs_login(pair):
        return replace(complaint, hint=LOCAL_ROOT_HINT)
    if not needs_login(pair):
        return complaint
    ends = _ends_of(complaint, pair)
    if ends and named_end is not None:
        return complaint
    hint = _on(ends, complaint) if ends else _through(complaint, pair, named_end)
    return replace(complaint, hint=hint)


def _on(ends: Sequence[Endpoint], complaint: Complaint) -> str:
    """Name the host of the end that a complaint is about, if that is another one."""
    logins = dict.fromkeys(one.host.login for one in ends)
    if not any(logins):
        return complaint.hint
    return f"on {' or '.join(login or 'this host' for login in logins)}: {complaint.hint}"


def _ends_of(complaint: Complaint, pair: Pair) -> Sequence[Endpoint]:
    if complaint.name in OF_THE_SLAVE:
        return (pair.slave,)
    if complaint.name in OF_THE_MASTER:
        return (pair.master,)
    if complaint.name not in OF_A_PATH:
        return ()
    both = (pair.master, pair.slave)
    # hammer often names the directory above a softlink (docs/hammer.md 1.3).
    return [one for one in both if _is_named(one.path, complaint)] or [
        one for one in both if _is_named(one.path.rpartition("/")[0] or "/", complaint)
    ]


def _is_named(path: str, complaint: Complaint) -> bool:
    return any(f" {path}{end}" in complaint.text for end in (":", " "))


def _through(complaint: Complaint, pair: Pair, named_end: Endpoint | None) -> str:
    """Put the other host's name and commands into a hint about the way to it."""
    ends: Sequence[Endpoint] = (pair.master, pair.slave)
    if named_end is not None and named_end.host.needs_login:
        ends = (named_end,)
    hosts = {one.host.login: one.host for one in ends if one.host.needs_login}
    named = [host for host in hosts.values() if host.name in complaint.text]
    host = named[0] if named else next(iter(hosts.values()))
    login = host.login if named or len(hosts) == 1 else " or ".join(hosts)
    return name_host(complaint.hint, host, login=login, pair_name=pair.name)


def name_host(hint: str, host: Host, *, login: str = "", pair_name: str = "PAIR") -> str:
    """Put a host's name and commands, and a pair that is on it, into a hint."""
    words = {
        "HOST": login or host.login,
        "HOSTNAME": host.name,
        "PAIR": pair_name,
        "FORGET_KEY": f'"{host.forget_key}"',
        "FETCH_KEY": f'"{host.fetch_key}"',
    }
    return _WORDS.sub(lambda word: words[word[0]], hint)
