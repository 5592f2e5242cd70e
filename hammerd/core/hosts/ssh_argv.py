"""Builds the argv of every ssh, so that no ssh of hammerd asks, forwards, or hangs for ever.

ssh takes the first value of an option, and those of its command line before its files:

    FIXED      never changed: no prompt, no unknown host key, no forwarding, no shared connection
    own        the pair's ssh_options
    DEFAULTS   limits in time, unless ssh_options has others
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

FIXED = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ControlMaster=no",
    "ControlPath=none",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "Tunnel=no",
    "EscapeChar=none",
)
CONNECT_TIMEOUT_S = 15
ALIVE_INTERVAL_S, ALIVE_COUNT = 5, 3
DEAD_LINK_S = ALIVE_INTERVAL_S * (ALIVE_COUNT + 1)
"""The longest time in which ssh notices a link that died without a word."""

DEFAULTS = (
    f"ConnectTimeout={CONNECT_TIMEOUT_S}",
    "ConnectionAttempts=1",
    f"ServerAliveInterval={ALIVE_INTERVAL_S}",
    f"ServerAliveCountMax={ALIVE_COUNT}",
    "TCPKeepAlive=yes",
    "LogLevel=INFO",
)
"""A level below INFO would hide why a connection ended."""

USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
"""ssh's own default files: a host that root has logged in to is known."""


@dataclass(frozen=True, slots=True)
class SshSettings:
    """The settings with which a pair's host is reached.

    `options` are `Key=Value` words of ssh_config(5). `known_hosts` is a file of host keys beside
    the system's; `only_known_hosts` means that ssh's default files of the user do not count.
    `remote_hammer` and `remote_hammerd` are the programs over there. `is_probed`: hammerd runs
    pfs-status there.
    `is_guarded`: a mirror-write there holds a lock of its slave (core/hosts/far_guard.py).
    `admin_identity` and `admin_user` are for commands of a person that change the host; no
    stream uses them.
    """

    program: str = "/usr/bin/ssh"
    user: str | None = None
    port: int | None = None
    identity: str | None = None
    options: tuple[str, ...] = ()
    known_hosts: str | None = None
    only_known_hosts: bool = False
    remote_hammer: str = "hammer"
    remote_hammerd: str = "hammerd"
    is_compressed: bool = False
    is_probed: bool = True
    is_guarded: bool = True
    admin_identity: str | None = None
    admin_user: str | None = None


def ssh_argv(settings: SshSettings, host: str, user: str | None) -> tuple[str, ...]:
    """Build the argv of ssh up to the host; the remote command comes after it, as one word."""
    words = [settings.program, "-T"]
    for option in _options(settings):
        words += ["-o", option]
    if settings.is_compressed:
        words.append("-C")
    if settings.identity is not None:
        words += ["-o", "IdentitiesOnly=yes", "-i", _literal(settings.identity)]
    if settings.port is not None:
        words += ["-p", str(settings.port)]
    if user is not None:
        words += ["-l", user]
    return (*words, "--", host)


def _options(settings: SshSettings) -> Iterator[str]:
    yield from FIXED
    if settings.known_hosts is not None:
        others = () if settings.only_known_hosts else USER_KNOWN_HOSTS
        yield " ".join((f'UserKnownHostsFile="{_literal(settings.known_hosts)}"', *others))
    yield from settings.options
    yield from DEFAULTS


def dead_link_s(settings: SshSettings) -> float:
    """Return the longest time in which ssh notices a dead link; infinite if it never does."""
    interval_s = _number(settings, "serveraliveinterval", ALIVE_INTERVAL_S)
    count = _number(settings, "serveralivecountmax", ALIVE_COUNT)
    return interval_s * (count + 1) if interval_s and count else inf


def _number(settings: SshSettings, name: str, default: int) -> float:
    """Return the value of an option of ssh; infinite if it is not a plain number."""
    for option in settings.options:
        key, value = re.split(r"\s*[= ]\s*", option.strip(), maxsplit=1)
        if key.lower() == name:
            return int(value) if value.isdecimal() else inf
    return default


def _literal(path: str) -> str:
    """Return a path in which ssh expands nothing."""
    return path.replace("%", "%%")
