"""Reads the command lines of other processes: who writes to which slave?

A stream is known by a word with the basename `hammer` somewhere before its verb (an interpreter
may stand before it, and sshd runs `hammer -2 mirror-write PATH`). Its halves have the same words
as their parent (HAMMER.md §6). An ssh that runs a hammer on another host writes to nothing here:
its operand is a path over there (HAMMER.md §11).
"""

from collections.abc import Sequence
from posixpath import basename

_SLAVE_OPERAND = {"mirror-stream": 2, "mirror-copy": 2, "mirror-write": 1}
"""Which operand after the verb names the PFS that is written to."""


def written_slave(words: Sequence[str]) -> str | None:
    """Return the slave operand of a command line that writes to one, None for any other."""
    if len(words) == 1:
        words = words[0].split()
    hammers = [index for index, word in enumerate(words) if basename(word) == "hammer"]
    if not hammers or basename(words[0]) == "ssh":
        return None
    for index in range(hammers[0] + 1, len(words)):
        nth = _SLAVE_OPERAND.get(words[index])
        if nth is not None and index + nth < len(words):
            return words[index + nth]
    return None


def names_host(words: Sequence[str], operand: str) -> bool:
    """Tell whether a slave operand is on another host: mirror-write alone takes a plain path.

    hammer takes anything with a colon for one (HAMMER.md §6).
    """
    return ":" in operand and "mirror-write" not in " ".join(words).split()


def is_same_command(words: Sequence[str], recorded: Sequence[str]) -> bool:
    """Tell whether a process runs a recorded argv, with or without an interpreter before it."""
    count = len(recorded)
    return count > 0 and tuple(words[-count:]) == tuple(recorded)
