"""Judges what a key may run over there: the verb and the path of an end, and no neighbour's.

    any command             an open key
    this key allows only:   a forced command that `hammerd authorized-keys` has printed
    another refusal         `hammer ssh-remote`: its verbs and its prefix are tried

A half without input ends after its first message, before it reads or writes any data, so it can be
tried beside a running stream.
"""

import re

from hammerd.cli.doctor.lines.findings import Finding, bad, ok
from hammerd.cli.doctor.system.machine import Machine
from hammerd.core.pairs import Endpoint

VERBS = {"master": "mirror-read-stream", "slave": "mirror-write"}

_ALLOWED = re.compile(r"this key allows only: (?P<commands>.+)")
_WRONG_VERB = "does not match restricted command"
_WRONG_PATH = re.compile(r"restricted target|'\.\.' not allowed")
_NEIGHBOUR = "-neighbour"


def key_finding(machine: Machine, end: str, endpoint: Endpoint, pair: str) -> Finding:
    """Judge whether the key allows what a stream needs at this end, and nothing beside it."""
    hint = f'"hammerd authorized-keys {pair}" prints the line for authorized_keys over there'
    if machine.is_open:
        return ok(f"may run any command; {hint} that restricts it")
    command = f"{VERBS[end]} {endpoint.path}"
    refusal = machine.run("date", "+%s").error_text
    if allowed := _ALLOWED.search(refusal):
        commands = allowed["commands"].split(", ")
        is_allowed = command in commands
        return ok(command) if is_allowed else bad(f"allows only {', '.join(commands)}", hint)
    said = _said(machine, end, endpoint.path)
    if _WRONG_VERB in said:
        return bad(f"is restricted to other commands than {VERBS[end]}", hint)
    if _WRONG_PATH.search(said):
        return bad(f"is restricted to another path than {endpoint.path}", hint)
    if not _WRONG_PATH.search(_said(machine, end, endpoint.path + _NEIGHBOUR)):
        what = f"allows neighbours of {endpoint.path}: its prefix ends within a name"
        return bad(what, hint, ends_way=False)
    return ok(command)


def _said(machine: Machine, end: str, path: str) -> str:
    """Return what a half over there says that has no input."""
    return machine.run_hammer("hammer", "-2", VERBS[end], path).error_text
