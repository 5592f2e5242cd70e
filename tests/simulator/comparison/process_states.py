"""Compares process trees: a sequence of the states of parent, source and target half."""

from __future__ import annotations

import re

import psutil

from tests.simulator.replay.recording import Recording
from tests.simulator.replay.rerun import HALVES, Rerun
from tests.simulator.replay.virtual_clock import by_age

LASTING_S = 0.3
"""The recordings may lack states that lasted less (transcripts README 4)."""

ProcessState = tuple[int, int, str]
"""pid, parent, and the letter of the state."""
ProcessTree = tuple[str, ...]

_MOMENT = re.compile(r"^ +(\d+\.\d+)$", re.MULTILINE)
_PROCESS = re.compile(r"pid (\d+) ppid (\d+) pgrp \d+ state (\w)")
_LETTERS = {psutil.STATUS_STOPPED: "T", psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_DEAD: "Z"}


def recorded_trees(recording: Recording) -> list[ProcessTree]:
    """Return the recorded trees, up to the end of the recording."""
    notes = recording.text("notes.md").partition("## process tree changes")[2]
    notes = notes.partition("\n## ")[0]
    pieces = _MOMENT.split(notes)[1:]
    blocks = [
        (float(at), [(int(pid), int(ppid), state) for pid, ppid, state in _PROCESS.findall(text)])
        for at, text in zip(pieces[::2], pieces[1::2], strict=True)
    ]
    until = recording.ended_at()
    started = re.search(r"started pid (\d+)", recording.text("notes.md"))
    assert started is not None
    return _sequence([block for block in blocks if block[0] < until], int(started[1]), until)


def our_trees(rerun: Rerun) -> list[ProcessTree]:
    """Return the trees of a rerun."""
    parent = rerun.parents[0].pid
    known = {parent}
    blocks = []
    for at, members in rerun.trees:
        mine: list[ProcessState] = []
        for member in members:
            if member.pid in known or member.parent == parent:
                known.add(member.pid)
                mine.append((member.pid, member.parent, _LETTERS.get(member.status, "S")))
        if not blocks or blocks[-1][1] != mine:
            blocks.append((at, mine))
    return _sequence(blocks, parent, rerun.virtual_clock.now)


def _sequence(
    blocks: list[tuple[float, list[ProcessState]]], parent: int, until: float
) -> list[ProcessTree]:
    trees: list[ProcessTree] = []
    roles = {parent: "parent"}
    ends = [at for at, _ in blocks[1:]] + [until] * bool(blocks)
    for (at, seen), end in zip(blocks, ends, strict=True):
        tree = _tree(seen, roles, parent)
        if tree and end - at >= LASTING_S and trees[-1:] != [tree]:
            trees.append(tree)
    return trees


def _tree(seen: list[ProcessState], roles: dict[int, str], parent: int) -> ProcessTree:
    """Return the states of all roles; of two new halves the older is the source."""
    unknown = (pid for pid, ppid, _ in seen if pid not in roles and ppid == parent)
    fresh = by_age(unknown, parent)
    if len(fresh) == len(HALVES):
        roles.update(zip(fresh, HALVES, strict=True))
    known = [(roles[pid], ppid == parent, state) for pid, ppid, state in seen if pid in roles]
    return tuple(sorted(_named(*one) for one in known if not _is_foreign_zombie(*one)))


def _named(role: str, is_child: bool, state: str) -> str:
    condition = {"T": "stopped", "Z": "zombie"}.get(state, "alive")
    is_orphan = role in HALVES and not is_child
    return f"{role} {condition}{' orphan' if is_orphan else ''}"


def _is_foreign_zombie(role: str, is_child: bool, state: str) -> bool:
    """Return whether the harness or process 1, not the command, has to reap this zombie."""
    return state == "Z" and (role not in HALVES or not is_child)
