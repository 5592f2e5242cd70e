"""Gives up the rights of root for those of a user, for good.

groups of the user ── its group ── its user id ── can root be had again? then it stops
"""

import grp
import os
import pwd
from dataclasses import dataclass

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.errors import HammerdError
from hammerd.core.exit_codes import Exit


@dataclass(frozen=True, slots=True)
class Account:
    """A user, and the group that it runs with."""

    name: str
    uid: int
    gid: int


def account_for(user: str | None, group: str | None) -> Account | None:
    """Return the account to run as, None for that of who started it.

    Raises:
        HammerdError: there is no such user or group, or nobody but root may choose one.
    """
    if os.geteuid() == 0:
        if user is None:
            hint = "name one that may read the status, as --user hammerd; --user root is possible"
            raise CommandFailed("root must say as which user to run", hint, code=Exit.USAGE)
        return _find_account(user, group)
    if group is not None or user not in (None, current_user()):
        hint = "start hammerd web as root, or without --user and --group"
        raise CommandFailed("only root may choose a user", hint, code=Exit.NO_PERMISSION)
    return None


def current_user() -> str:
    """Return the name of the user that this process runs as, or the number without one."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _find_account(user: str, group: str | None) -> Account:
    try:
        found = pwd.getpwnam(user)
    except KeyError as error:
        hint = f"make one: pw useradd {user} -d /nonexistent -s /sbin/nologin (docs/web.md)"
        reason = f"there is no user {user}"
        raise CommandFailed(reason, hint, code=Exit.USAGE) from error
    return Account(user, found.pw_uid, found.pw_gid if group is None else _gid_of(group))


def _gid_of(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as error:
        hint = f"make one: pw groupadd {group}"
        raise CommandFailed(f"there is no group {group}", hint, code=Exit.USAGE) from error


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
