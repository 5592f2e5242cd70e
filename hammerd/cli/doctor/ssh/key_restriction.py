"""Judges what a key may run over there: the verb and the path of an end, and no neighbours.

    any command             an open key
    this key allows only:   a forced command that `hammerd authorized-keys` has printed
    another refusal         `hammer ssh-remote`: its verbs and its prefix are tried

A half without input ends after its first message, before it reads or writes any data, so it can be
tried beside a running stream.
"""

import re

from hammerd.cli.doctor.lines.findings import Finding, bad, not_tried, ok
from hammerd.cli.doctor.ssh.login import SSH_FAILED
from hammerd.cli.doctor.system.machine import Machine
from hammerd.core.pairs import Endpoint

VERBS = {"master": "mirror-read-stream", "slave": "mirror-write"}

_ALLOWED = re.compile(r"this key allows only: (?P<commands>.+)")
_WRONG_VERB = "does not match restricted command"
_WRONG_PATH = re.compile(r"restricted target|'\.\.' not allowed")
_NEIGHBOUR = "-neighbour"


def key_finding(machine: Machine, end: str, endpoint: Endpoint, pair: str) -> Finding:
    """Judge whether the key allows what a stream needs at this end."""
    hint = _hint(pair)
    if machine.is_open:
        return ok(f"may run any command; {hint} that restricts it")
    command = f"{VERBS[end]} {endpoint.path}"
    refusal = machine.run("date", "+%s").error_text
    if allowed := _ALLOWED.search(refusal):
        commands = allowed["commands"].split(", ")
        is_allowed = command in commands
        return ok(command) if is_allowed else bad(f"allows only {', '.join(commands)}", hint)
    said = _said(machine, end, endpoint.path)
    if isinstance(said, Finding):
        return said
    if _WRONG_VERB in said:
        return bad(f"is restricted to other commands than {VERBS[end]}", hint)
    if _WRONG_PATH.search(said):
        return bad(f"is restricted to another path than {endpoint.path}", hint)
    return ok(command)


def neighbour_finding(machine: Machine, end: str, endpoint: Endpoint, pair: str) -> Finding:
    """Judge whether a restricted key allows a PFS whose path begins like this one."""
    none = ok("the key allows no neighbour of the path")
    if _ALLOWED.search(machine.run("date", "+%s").error_text):
        return none
    said = _said(machine, end, endpoint.path + _NEIGHBOUR)
    if isinstance(said, Finding):
        return said
    if _WRONG_PATH.search(said):
        return none
    directory, _, name = endpoint.path.rpartition("/")
    elsewhere = _said(machine, end, f"{directory}/{'1' if name.startswith('0') else '0'}")
    if isinstance(elsewhere, str) and not _WRONG_PATH.search(elsewhere):
        return ok(f"the key allows all of {directory}/")
    what = f"the key allows neighbours of {endpoint.path}: its prefix ends within a name"
    return bad(what, _hint(pair))


def _hint(pair: str) -> str:
    return f'"hammerd authorized-keys {pair}" prints the line for authorized_keys over there'


def _said(machine: Machine, end: str, path: str) -> str | Finding:
    """Return what a half over there says that has no input, or why it was not tried."""
    verb = VERBS[end]
    done = machine.run_hammer("hammer", "-2", verb, path)
    if done.status in (SSH_FAILED, None):
        return not_tried(machine.cannot(verb, done).what, ends_way=True)
    return done.error_text
