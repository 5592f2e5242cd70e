"""Runs the commands of a config for a test of notifications, without a daemon."""

import json
import os
import pwd
import socket
import time
from collections.abc import Iterator, Sequence

from hammerd.cli.check.bounded_command import CommandResult, run_command
from hammerd.core.alarms.ledger import Kind
from hammerd.core.alarms.message import environment_of, trial_message
from hammerd.core.characters import printable
from hammerd.core.config.model import AlarmLevel, NotifyConfig, Receiver
from hammerd.core.hammer.commands import environment
from hammerd.core.rfc3339 import rfc3339


def run_all(config: NotifyConfig, kind: Kind, pairs: Sequence[str]) -> list[dict[str, object]]:
    """Run the command of each receiver of a kind, and return what came of it."""
    message = trial_message(
        kind, [{"pair": pair} for pair in pairs], socket.gethostname(), rfc3339(time.time())
    )
    home = pwd.getpwuid(os.getuid()).pw_dir
    env, given = {**environment(home), **environment_of(message)}, json.dumps(message).encode()
    return [
        _result(one, run_command(one.command or (), one.timeout_s, env, given + b"\n"))
        for one in _receivers(config, kind)
    ]


def _receivers(config: NotifyConfig, kind: Kind) -> Iterator[Receiver]:
    if kind is Kind.HEARTBEAT:
        if config.heartbeat:
            yield Receiver("notify.heartbeat", config.heartbeat)
        return
    for one in config.receivers:
        if kind is not Kind.WARNING or one.level is AlarmLevel.WARNING:
            yield one


def _result(receiver: Receiver, ran: CommandResult) -> dict[str, object]:
    because = _why_failed(receiver, ran)
    lines = [line.strip() for line in (ran.text + "\n" + ran.error_text).splitlines()]
    said = next(filter(None, reversed(lines)), "")
    return {
        "receiver": receiver.name,
        "command": list(receiver.command or ()),
        "status": "not started" if ran.start_error else _status(ran),
        "said": printable(said) or None,
        "failed_because": because or None,
    }


def _status(ran: CommandResult) -> str:
    if ran.status is None:
        return "killed"
    return f"exit {ran.status}" if ran.status >= 0 else f"signal {-ran.status}"


def _why_failed(receiver: Receiver, ran: CommandResult) -> str:
    if ran.start_error:
        return ran.start_error
    if ran.is_late:
        return f"it did not end within {receiver.timeout_s:g} s"
    return "" if ran.status == 0 else _status(ran)
