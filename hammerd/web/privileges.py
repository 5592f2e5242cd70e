"""Gives up the rights of root for those of a user, for good.

groups of the user ── its group ── its user id ── can root be had again? then it stops
"""

import grp
import os
import pwd
from dataclasses import dataclass

from hammerd.core.errors import HammerdError


@dataclass(frozen=True, slots=True)
class Account:
    """A user, and the group that it runs with."""

    name: str
    uid: int
    gid: int


def find_account(user: str, group: str | None) -> Account:
    """Return a user of this machine.

    Raises:
        HammerdError: there is no such user, or no such group.
    """
    try:
        found = pwd.getpwnam(user)
    except KeyError as error:
        raise HammerdError(
            f"--user {user}: there is no such user",
            f"make one: pw useradd {user} -d /nonexistent -s /usr/sbin/nologin",
        ) from error
    return Account(user, found.pw_uid, found.pw_gid if group is None else _gid_of(group))


def _gid_of(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as error:
        reason = f"--group {group}: there is no such group"
        raise HammerdError(reason, f"make one: pw groupadd {group}") from error


def become(account: Account) -> None:
    """Run as a user from now on.

    Raises:
        HammerdError: the system refuses it, or root could be had again.
    """
    try:
        os.initgroups(account.name, account.gid)
        os.setgid(account.gid)
        os.setuid(account.uid)
    except OSError as error:
        reason = f"cannot become user {account.name}: {error.strerror}"
        raise HammerdError(reason, "start hammerd web as root, or as that user") from error
    _refuse_way_back(account)


def _refuse_way_back(account: Account) -> None:
    if account.uid == 0:
        return
    regained = False
    for regain in (os.setuid, os.seteuid, os.setgid, os.setegid):
        # The group of root may be the one that was asked for.
        if regain in (os.setgid, os.setegid) and account.gid == 0:
            continue
        try:
            regain(0)
        except OSError:
            continue
        regained = True
    is_whole = (os.getuid(), os.geteuid()) == (account.uid, account.uid)
    if regained or not is_whole or (os.getgid(), os.getegid()) != (account.gid, account.gid):
        raise HammerdError(f"the rights of root were not given up for those of {account.name}")
