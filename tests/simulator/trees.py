"""The processes of a stream as a sequence of states: {parent, source, target} and what each is."""

from __future__ import annotations

import re

import psutil

from tests.simulator.conductor import by_age
from tests.simulator.recording import Recording
from tests.simulator.rerun import HALVES, Rerun

LASTING_S = 0.3
"""States that lasted less were seen by the recording or not (transcripts README 4)."""

Seen = tuple[int, int, str]
"""A process: pid, parent, and the letter of its state."""
Tree = tuple[str, ...]

_MOMENT = re.compile(r"^ +(\d+\.\d+)$", re.MULTILINE)
_PROCESS = re.compile(r"pid (\d+) ppid (\d+) pgrp \d+ state (\w)")
_LETTERS = {psutil.STATUS_STOPPED: "T", psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_DEAD: "Z"}


def recorded_trees(recording: Recording) -> list[Tree]:
    """Return what the recording saw, up to its end."""
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


def our_trees(rerun: Rerun) -> list[Tree]:
    """Return what the rerun saw."""
    parent = rerun.parents[0].pid
    known = {parent}
    blocks = []
    for at, members in rerun.trees:
        mine: list[Seen] = []
        for member in members:
            if member.pid in known or member.parent == parent:
                known.add(member.pid)
                mine.append((member.pid, member.parent, _LETTERS.get(member.status, "S")))
        if not blocks or blocks[-1][1] != mine:
            blocks.append((at, mine))
    return _sequence(blocks, parent, rerun.conductor.now)


def _sequence(blocks: list[tuple[float, list[Seen]]], parent: int, until: float) -> list[Tree]:
    trees: list[Tree] = []
    roles = {parent: "parent"}
    ends = [at for at, _ in blocks[1:]] + [until] * bool(blocks)
    for (at, seen), end in zip(blocks, ends, strict=True):
        tree = _tree(seen, roles, parent)
        if tree and end - at >= LASTING_S and trees[-1:] != [tree]:
            trees.append(tree)
    return trees


def _tree(seen: list[Seen], roles: dict[int, str], parent: int) -> Tree:
    """Return what each process is, and give fresh halves their roles: the source is the older."""
    unknown = (pid for pid, ppid, _ in seen if pid not in roles and ppid == parent)
    fresh = by_age(unknown, parent)
    if len(fresh) == len(HALVES):
        roles.update(zip(fresh, HALVES, strict=True))
    known = [(roles[pid], ppid == parent, state) for pid, ppid, state in seen if pid in roles]
    return tuple(sorted(_named(*one) for one in known if not _is_left_over(*one)))


def _named(role: str, is_child: bool, state: str) -> str:
    condition = {"T": "stopped", "Z": "zombie"}.get(state, "alive")
    is_orphan = role in HALVES and not is_child
    return f"{role} {condition}{' orphan' if is_orphan else ''}"


def _is_left_over(role: str, is_child: bool, state: str) -> bool:
    """Tell whether a zombie is the fault of who watches or of process 1, not the command's."""
    return state == "Z" and (role not in HALVES or not is_child)
