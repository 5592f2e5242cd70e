"""Tells what to do about a host key that no file knows, or another one than the file knows.

A key is shown, never added: only a person can compare it with that of the host.
"""

import re
from collections.abc import Callable
from os.path import dirname, isdir

from hammerd.cli.check.bounded_command import CommandResult, run_command
from hammerd.cli.doctor.lines.findings import Finding, bad
from hammerd.core.hosts.ssh_host import SshHost

SCAN_TIMEOUT_S = "5"
FINGERPRINT_TIMEOUT_S = 5.0
_OFFENDING = re.compile(r"Offending (?P<kind>\S+) key in (?P<file>.+):(?P<line>\d+)")
_FINGERPRINT = re.compile(r"SHA256:\S+")
_CHANGED = "IDENTIFICATION HAS CHANGED"

Run = Callable[..., CommandResult]


def host_key_finding(
    host: SshHost, said: str, place: tuple[str, str], tools: tuple[Run, str]
) -> Finding:
    """Judge a host key that ssh rejected.

    `place` is the name and port where ssh connects; `tools` scan the keys of a host, and name the
    program ssh-keygen.
    """
    name, port = place
    scan, keygen = tools
    keys = scan("-T", SCAN_TIMEOUT_S, "-p", port, name).out
    shown = _fingerprints(keygen, keys)
    compare = (
        f'compare {shown} with "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" over there;'
        " if it is the same, "
    )
    known_hosts = host.settings.known_hosts
    directory = dirname(known_hosts) if known_hosts else ""
    # hammerd makes its own directory at its first start.
    make = "" if not directory or isdir(directory) else f"mkdir -p {directory} && "
    add = f'"{make}ssh-keyscan -p {port} {name} >> {known_hosts}"'
    if _CHANGED in said:
        old = _OFFENDING.search(said)
        where = f" than {old['file']}, line {old['line']}, has" if old else " than before"
        pattern = name if port == "22" else f"[{name}]:{port}"
        file = old["file"] if old else known_hosts
        remove = f"\"ssh-keygen -R '{pattern}' -f {file}\""
        return bad(
            f"the host shows another key{where}",
            f"was it installed anew, or is another host in its place? {compare}{remove} and {add}",
        )
    return bad(f"no file knows the host's key; hammerd reads {known_hosts}", compare + add)


def host_key_through(host: SshHost, said: str, place: tuple[str, str], through: str) -> Finding:
    """Judge a host key that ssh rejected, of a host behind another one or of that one.

    `through` is the option that leads there and its value. No key is fetched: the host is not to
    be reached from here, and which key it was shows only in what ssh `said`.
    """
    name, port = place
    option, _, value = through.partition(" ")
    what = f"ssh goes through {through}, and a host key on the way is not trusted: {said}"
    if option != "proxyjump":
        return bad(what, "as root, run that command by hand")
    hop = f"ssh ssh://{value.partition(',')[0]}"
    if name in said:
        known_hosts = host.settings.known_hosts
        return bad(what, f'"{hop} ssh-keyscan -p {port} {name} >> {known_hosts}", and compare')
    return bad(
        what,
        f'as root, "{hop} true" must work without a question: neither the keys of the pair nor its'
        " known_hosts are for the host on the way",
    )


def _fingerprints(keygen: str, keys: bytes) -> str:
    """Return the fingerprints of host keys, for a person to compare."""
    # Lines that begin with # are remarks of ssh-keyscan.
    lines = b"".join(line + b"\n" for line in keys.splitlines() if not line.startswith(b"#"))
    if not lines:
        return "the host's key"
    done = run_command((keygen, "-lf", "-"), FINGERPRINT_TIMEOUT_S, None, lines)
    found = dict.fromkeys(_FINGERPRINT.findall(done.text))
    return " ".join(found) or "the host's key"
