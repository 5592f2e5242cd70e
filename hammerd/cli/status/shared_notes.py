"""Takes notes that many pairs share out of their rows, so that each is shown once.

    ! web1 ... web40 (40 pairs): connection_refused
          hint: start sshd there, or see whether a firewall refuses the port
          last words: ssh: connect to host office port 22: Connection refused

A note may name its pair: a command for one pair is shown for PAIR, its ends as MASTER and SLAVE,
and a pid is left out. The cause of each pair stays in its row, too.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

MANY = 3
"""The number of pairs from which on a note is shared: with two the rows are shorter to read."""

MOST_NAMED = 4

_SHARED_BEGINNINGS = (
    "hint: ",
    "last words: ",
    "lag unknown: ",
    "flush failed: ",
    "TIDs over there are not read: ",
    "shown until ",
)


_PID = re.compile(r" \(pid [0-9]+\)")


@dataclass(frozen=True, slots=True)
class PairNotes:
    """The notes of a pair, and what else is told of it."""

    pair: str
    master: str
    slave: str
    health: str
    because: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SharedNotes:
    """Notes of many pairs: the worst of their healths, and the cause if all have the same."""

    pairs: tuple[str, ...]
    health: str
    because: str | None
    notes: tuple[str, ...]


def is_shareable(note: str) -> bool:
    """Return whether a note of a row is about the cause, and not about the pair alone."""
    return note.startswith(_SHARED_BEGINNINGS)


def share_notes(
    rows: Sequence[PairNotes], may_share: Callable[[str], bool] = is_shareable
) -> tuple[list[SharedNotes], list[tuple[str, ...]]]:
    """Return the notes that many pairs share, and the notes that each pair keeps."""
    if len(rows) < MANY:
        return [], [row.notes for row in rows]
    general = [
        {note: _general(note, row) for note in row.notes if may_share(note)} for row in rows
    ]
    holders: dict[str, list[PairNotes]] = {}
    for row, texts in zip(rows, general, strict=True):
        for text in dict.fromkeys(texts.values()):
            holders.setdefault(text, []).append(row)
    shared = {text: tuple(held) for text, held in holders.items() if len(held) >= MANY}
    kept = [
        tuple(note for note in row.notes if texts.get(note) not in shared)
        for row, texts in zip(rows, general, strict=True)
    ]
    return list(_grouped(shared)), kept


def name_pairs(names: Sequence[str]) -> str:
    """Name many pairs: `a, b, c (3 pairs)`, or `web1 ... web40 (40 pairs)`."""
    if len(names) <= MOST_NAMED:
        return f"{', '.join(names)} ({len(names)} pairs)"
    return f"{names[0]} ... {names[-1]} ({len(names)} pairs)"


def _general(note: str, row: PairNotes) -> str:
    """Return a note without what only this pair has in it."""
    # A name may be any word: it is one only where a command names it.
    text = _PID.sub("", _with_pair_named(note, row.pair))
    for end, word in ((row.master, "MASTER"), (row.slave, "SLAVE")):
        # A pattern of its own for each end is dear with a thousand pairs.
        if end in text:
            text = re.sub(rf"(?<![\w./:@-]){re.escape(end)}(?![\w/-])", word, text)
    return text


def _with_pair_named(note: str, pair: str) -> str:
    parts = note.split('"')
    # Between quotes stand the parts of odd numbers.
    for number in range(1, len(parts), 2):
        words = parts[number].split(" ")
        if words[0] == "hammerd":
            words = ["PAIR" if word == pair else word for word in words]
            parts[number] = " ".join(words)
    return '"'.join(parts)


def _grouped(shared: Mapping[str, tuple[PairNotes, ...]]) -> Iterator[SharedNotes]:
    """Yield one group for each set of pairs, with all notes that they share."""
    groups: dict[tuple[PairNotes, ...], list[str]] = {}
    for text, rows in shared.items():
        groups.setdefault(rows, []).append(text)
    for rows, texts in groups.items():
        causes = {row.because for row in rows}
        yield SharedNotes(
            tuple(row.pair for row in rows),
            min((row.health for row in rows), key=_urgency),
            causes.pop() if len(causes) == 1 else None,
            tuple(texts),
        )


def _urgency(health: str) -> int:
    order = ("critical", "warning", "unknown")
    return order.index(health) if health in order else len(order)
