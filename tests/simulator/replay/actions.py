"""Replays the actions of a recording and checks its observations."""

from __future__ import annotations

import ast
import os
import re
import signal
from collections.abc import Callable

from tests.simulator.replay.rerun import Rerun

_KILL = re.compile(r"kill (parent|source|target) .*with (SIG\w+)")
_TRUTH = {"True": True, "False": False}

ReplayAction = Callable[[Rerun, str], None]


def replay_all(rerun: Rerun) -> None:
    """Set up, start, perform all actions, and end all processes."""
    try:
        rerun.set_up()
        for when, what in rerun.recording.actions:
            _replay_action(rerun, when, what)
    finally:
        rerun.end()


def _replay_action(rerun: Rerun, when: float, what: str) -> None:
    if what.startswith(("started pid", "reached: ", "halves: ", "SLAVE sync-end-tid")):
        return
    if what.startswith("process ended"):
        rerun.wait_for_end()
    elif what.startswith("harness waits"):
        rerun.virtual_clock.advance(rerun.virtual_clock.now + float(what.split()[2]))
    else:
        rerun.wait_for_moment(when, what)
        _action(what)(rerun, what)
        rerun.virtual_clock.settle()


def _action(what: str) -> ReplayAction:
    for pattern, action in ACTIONS:
        if re.match(pattern, what):
            return action
    return _note_unknown


def _perform(rerun: Rerun, what: str) -> None:
    rerun.scenario.perform(what)


def _note_unknown(rerun: Rerun, what: str) -> None:
    """Perform an unknown line as far as possible; it is reported if the replay differs."""
    rerun.scenario.perform(what)
    rerun.unknown_actions.append(what)


def _kill(rerun: Rerun, what: str) -> None:
    kill = _KILL.match(what)
    assert kill is not None
    _send(rerun, kill[1], getattr(signal, kill[2]))


def _send(rerun: Rerun, role: str, number: int) -> None:
    pids = {"parent": rerun.parents[0].pid, **rerun.halves}
    try:
        os.kill(pids[role], number)
    except (KeyError, ProcessLookupError):
        rerun.failures.append(f"there is no {role} to kill")


def _kill_group(rerun: Rerun, what: str) -> None:
    os.killpg(rerun.parents[0].pid, getattr(signal, what.split()[-1]))


def _kill_both(rerun: Rerun, _: str) -> None:
    _send(rerun, "target", signal.SIGSTOP)
    _send(rerun, "source", signal.SIGKILL)
    _send(rerun, "target", signal.SIGKILL)


def _kill_source(rerun: Rerun, _: str) -> None:
    _send(rerun, "source", signal.SIGKILL)


def _continue(rerun: Rerun, _: str) -> None:
    os.killpg(rerun.parents[0].pid, signal.SIGCONT)


def _type(rerun: Rerun, what: str) -> None:
    os.write(rerun.terminal, ast.literal_eval(what[len("typed ") : what.rindex(" on ")]))


def _close_reader(rerun: Rerun, _: str) -> None:
    for pipe in rerun.unread:
        pipe.close()


def _start_reading(rerun: Rerun, _: str) -> None:
    rerun.unread = []


def _start_second(rerun: Rerun, _: str) -> None:
    rerun.start_second()


def _check_sync(rerun: Rerun, what: str) -> None:
    sample = rerun.tid_samples[-1]
    is_in_sync = sample.slave is not None and sample.slave >= sample.source
    _expect(rerun, what, is_in_sync, _TRUTH[what.rpartition(": ")[2]])


def _check_second(rerun: Rerun, what: str) -> None:
    is_running, _, orphans = what.partition("; orphans alive: ")
    runs = len(rerun.parents) > 1 and rerun.parents[1].returncode is None
    _expect(rerun, what, runs, _TRUTH[is_running.rpartition(": ")[2]])
    if orphans:
        _expect(rerun, what, len(rerun.living(0)), len(ast.literal_eval(orphans)))


def _check_spin(rerun: Rerun, what: str) -> None:
    _expect(rerun, what, rerun.virtual_clock.is_spinning(rerun.parents[0].pid), True)


def _check_survivors(rerun: Rerun, what: str) -> None:
    counted = int(what.partition("SIGKILL to ")[2].split()[0])
    _expect(rerun, what, len(rerun.living(0)), counted)


def _check_leftover(rerun: Rerun, what: str) -> None:
    recorded = [_from_command(words) for words in re.findall(r"\d+\(([^)]*)\)", what)]
    living = [" ".join(member.words) for member in rerun.living(0)]
    ours = [
        _from_command(rerun.scenario.to_recording(os.fsencode(words), "utf-8")) for words in living
    ]
    _expect(rerun, "leftover processes", sorted(ours), sorted(recorded))


def _from_command(words: str) -> str:
    return re.sub(r"^.*?(?=hammer )", "", words)


def _check_board(rerun: Rerun, what: str) -> None:
    recorded = ast.literal_eval(what.partition(": ")[2])
    board = rerun.boards[-1] if rerun.boards else b""
    _expect(rerun, what, len(board), len(recorded))


def _expect(rerun: Rerun, what: str, got: object, wanted: object) -> None:
    if got != wanted:
        rerun.failures.append(f"{what}: {got!r}, not {wanted!r}")


ACTIONS: tuple[tuple[str, ReplayAction], ...] = (
    (r"WRITE |helper: |fake kernel knob ", _perform),
    (_KILL.pattern, _kill),
    (r"kill whole process group ", _kill_group),
    (r"SIGKILL both halves", _kill_both),
    (r"SIGKILL source half", _kill_source),
    (r"SIGCONT", _continue),
    (r"typed ", _type),
    (r"reader closed both pipes", _close_reader),
    (r"harness starts reading", _start_reading),
    (r"(?:second|new).* stream started", _start_second),
    (r"(?:second|new) stream still running: ", _check_second),
    (r"in sync.*: (?:True|False)$", _check_sync),
    (r"parent state R", _check_spin),
    (r"harness ends the run", _check_survivors),
    (r"harness kills leftover", _check_leftover),
    (r"scoreboard: ", _check_board),
)
