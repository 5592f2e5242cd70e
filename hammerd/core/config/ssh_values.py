"""Reads the values of the keys for other hosts, so that none of them becomes an option of ssh.

ssh and the remote shell get these values as words: a leading dash would make one an option, and a
blank or a character of a shell would change the remote command.
"""

import re

from hammerd.core.config.values import InvalidValue, Problem, is_number, read_text, show_value
from hammerd.core.hosts.ssh_argv import FIXED

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_PROGRAM = re.compile(r"[A-Za-z0-9_/.][A-Za-z0-9_/.+-]*")
_OPTION = re.compile(r"([A-Za-z][A-Za-z0-9]*)\s*[= ]\s*(\S.*)")

OWN_KEYS = {
    "user": "ssh_user",
    "port": "ssh_port",
    "identityfile": "ssh_identity",
    "identitiesonly": "ssh_identity",
    "userknownhostsfile": "ssh_known_hosts",
    "compression": "compress",
}
"""Options of ssh that have a key of their own, in lower case."""

_FIXED = {option.partition("=")[0].lower(): option for option in FIXED}
_REFUSED = frozenset(
    {
        *("localcommand", "localforward", "remoteforward", "dynamicforward", "forwardx11trusted"),
        *("requesttty", "sessiontype", "stdinnull", "forkafterauthentication", "controlpersist"),
        *("batchmode", "host", "match", "include", "numberofpasswordprompts", "tunneldevice"),
    }
)
"""Options with which a stream could not run, or that run or open something else."""


def read_user(value: object) -> str:
    """Read the name of a user of the other host."""
    user = read_text(value)
    if _USER.fullmatch(user) is None:
        raise InvalidValue(
            Problem("is not a user's name", "letters, digits and . _ -, no dash first")
        )
    return user


def read_port(value: object) -> int:
    """Read the number of a TCP port."""
    if not isinstance(value, int) or not is_number(value):
        raise InvalidValue(Problem("must be a number", "write it without quotes, like 2222"))
    if not 1 <= value <= 65535:
        raise InvalidValue(Problem("must be within 1 to 65535"))
    return value


def read_program(value: object) -> str:
    """Read the name or path of a program of the other host."""
    program = read_text(value)
    if _PROGRAM.fullmatch(program) is None:
        hint = "write its name or path alone, like /usr/local/sbin/hammer, without options"
        raise InvalidValue(Problem("is not one word that a remote shell leaves as it is", hint))
    if "hammer" not in program:
        hint = "a restricted key accepts a command only if its name holds `hammer`"
        raise InvalidValue(Problem("does not hold the word `hammer`", hint))
    return program


def read_options(value: object) -> tuple[str, ...]:
    """Read a list of ssh_config(5) options, each `Key=Value`; all their problems are reported."""
    if not isinstance(value, list):
        hint = 'write ssh_options = ["Key=Value"], like ["ProxyJump=gate.example"]'
        raise InvalidValue(Problem("must be an array", hint))
    problems = [problem for each in value if (problem := _problem(each)) is not None]
    if problems:
        raise InvalidValue(*problems)
    return tuple(each.strip() for each in value)


def _problem(value: object) -> Problem | None:
    try:
        text = read_text(value).strip()
    except InvalidValue as invalid:
        return Problem(f"{show_value(value)} {invalid}")
    found = _OPTION.fullmatch(text)
    if found is None:
        hint = 'write "Key=Value" with a key of ssh_config(5), like "ProxyJump=gate.example"'
        return Problem(f"{show_value(text)} is no option", hint)
    name = found[1]
    if name.lower() in OWN_KEYS:
        return Problem(f"{name} has a key of its own", f"set {OWN_KEYS[name.lower()]}")
    if name.lower() in _FIXED:
        return Problem(
            f"{name} cannot be changed", f"hammerd runs ssh with {_FIXED[name.lower()]}"
        )
    if name.lower() in _REFUSED:
        return Problem(f"{name} does not fit a mirror", "leave it out")
    return None
