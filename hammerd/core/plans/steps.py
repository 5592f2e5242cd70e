"""Defines the steps of a plan, and the actions that steps are made of.

A planner is a pure function from facts to a Plan, or to a Refused with all its reasons. The
commands run the first step, gather the facts again and ask the planner again, until no step is
left (cli/plans/runner.py). So a plan that was interrupted goes on as it would have gone on
without: each step must change the facts that made the planner ask for it.
"""

import shlex
from dataclasses import dataclass
from typing import assert_never

from hammerd.core.hammer.commands import mirror_copy_argv
from hammerd.core.hosts.host import THIS_HOST, Host
from hammerd.core.pairs import Endpoint

# --- actions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Retry:
    """A failure after which a command is tried again, after another one on the same host.

    It is known by a text in its output; each time the command `words` runs first.
    """

    text: str
    words: tuple[str, ...]
    times: int = 5


@dataclass(frozen=True, slots=True)
class Command:
    """A command that runs on a host.

    `answers` is its stdin. `expects` is a text that its output must contain beside exit status 0,
    because some commands of hammer end with 0 when they failed (docs/hammer.md 3.2).
    """

    words: tuple[str, ...]
    host: Host = THIS_HOST
    answers: str = ""
    expects: str = ""
    retry: Retry | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """A mirror-copy from a master to a slave, with its progress.

    It succeeded if the `Mirror-read ... succeeded` line came (docs/hammer.md 6.1); that the
    slave's TID has moved is a fact that the next look finds.
    """

    source: Endpoint
    target: Endpoint


@dataclass(frozen=True, slots=True)
class WriteFile:
    """A file of this machine that gets a new text, atomically, with a copy of the old one.

    `change` describes the difference, a line for each changed line. `expected_text` is the text
    that the file must still have, so that no other change is lost; None: the file is missing.
    """

    path: str
    text: str
    change: tuple[str, ...]
    expected_text: str | None


@dataclass(frozen=True, slots=True)
class Hold:
    """The record that keeps the pair from being streamed; a running hammerd ends its stream.

    `notes` are facts of this moment that a later run of the plan needs.
    """

    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class KeepHeld:
    """The record becomes that of a promotion: the pair stays held until a person resumes it."""


@dataclass(frozen=True, slots=True)
class Release:
    """The record is removed, and a running hammerd streams again if that is wanted."""


@dataclass(frozen=True, slots=True)
class ReloadDaemon:
    """A running hammerd reads its config again; without one there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison of both trees as of the slave's TID, as `hammerd verify` does it."""

    master: Endpoint
    slave: Endpoint


@dataclass(frozen=True, slots=True)
class EndGroup:
    """The end of a stream that a dead hammerd left: TERM to its group, and KILL after a grace.

    It is planned only for a group that was just proven to be the recorded one: its leader's pid
    alone may be that of another process by now.
    """

    pgid: int


Holding = Hold | KeepHeld | Release | ReloadDaemon
Action = Command | Copy | WriteFile | Compare | EndGroup | Holding


# --- plans -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a plan: a short stable name, its purpose in words, and what is done.

    `way_back` are lines for a person: how to undo what was done so far if this step fails.
    `notes` are written into the record when the step has ended well: the proof of a step that
    leaves no other trace, such as a flush.
    """

    name: str
    purpose: str
    action: Action
    way_back: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason why a plan cannot go on, and what to do about it."""

    what: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps that are still to do, in order; none if all is as it should be.

    `notes` tell what was found, `warnings` what a person must know before saying yes. `question`
    asks for that yes (empty: nothing is asked); a script gives it by `confirmed_by`. `afterwards`
    tells what to do, or not to do, when the plan is done. `before` is what a person must do first:
    a plan with it is shown, and refused to run.
    """

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    question: str = ""
    confirmed_by: str = "--yes"
    afterwards: tuple[str, ...] = ()
    before: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The plan cannot go on; `reasons` are all of them."""

    reasons: tuple[Reason, ...]


def host_of(action: Action) -> Host:
    """Return the host on which an action happens."""
    match action:
        case Command():
            return action.host
        case Copy() | WriteFile() | Compare() | EndGroup():
            return THIS_HOST
        case Hold() | KeepHeld() | Release() | ReloadDaemon():
            return THIS_HOST
        case _:
            assert_never(action)


def shown(action: Action, pair: str) -> tuple[str, ...]:
    """Return an action as the lines that a person would type or see."""
    match action:
        case Command(words, _, answers, _, retry):
            return (_given(answers) + shlex.join(words), *_tried_again(retry))
        case Copy(source, target):
            return (shlex.join(mirror_copy_argv("hammer", source, target)),)
        case WriteFile(path, _, change):
            return (f"edit {path}:", *(f"  {line}" for line in change))
        case Compare(master, slave):
            return (f"compare {master} and {slave} as of the slave's TID",)
        case EndGroup(pgid):
            return (f"kill -TERM -- -{pgid}",)
        case Hold() | KeepHeld() | Release() | ReloadDaemon():
            return (_request(action, pair),)
        case _:
            assert_never(action)


def _tried_again(retry: Retry | None) -> tuple[str, ...]:
    if retry is None:
        return ()
    return (f'# after "{retry.text}": {shlex.join(retry.words)}, and again',)


def _given(answers: str) -> str:
    """Return the start of a shell line that gives these answers to a command."""
    if not answers:
        return ""
    escaped = answers.replace("\\", "\\\\").replace("%", "%%").replace("\n", "\\n")
    return f"printf {shlex.quote(escaped)} | "


def _request(action: Holding, pair: str) -> str:
    match action:
        case Hold():
            return f"hold {pair}: end its stream, start no other, read neither end"
        case KeepHeld():
            return f"keep {pair} held, over restarts too, until hammerd resume {pair}"
        case Release():
            return f"release {pair}"
        case ReloadDaemon():
            return "hammerd reload"
        case _:
            assert_never(action)
