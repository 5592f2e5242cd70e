"""Reads the command lines of other processes: who writes to which slave?

Only hammer itself writes: a process whose first word has the basename `hammer`, or an interpreter
that runs a file of that name. Its halves have the same words as their parent (docs/hammer.md 4.1).
What starts a hammer (screen, lockf, timeout, a shell) may outlive it, and may start it on another
host, where its operand is a path over there (docs/hammer.md 7.1): such a process writes to nothing
here, and a hammer that it runs here is seen by itself.

What ps(1) prints of command lines is read here, too:

`  952 /bin/sh -c sleep 8; : a b`          the words with one blank between them
`    2 -sh (sh)`                           the program behind them where the first is none
`  953 (hammer)`                           DragonFly: they could not be read
"""

import re
from collections.abc import Mapping, Sequence
from posixpath import basename

_SLAVE_OPERAND = {"mirror-stream": 2, "mirror-copy": 2, "mirror-write": 1}
"""Which operand after the verb names the PFS that is written to."""

_SHELL = re.compile(r"-?(env|(a|ba|da|k|mk|z|c|tc|fi)?sh)")
_LANGUAGE = re.compile(r"(python|pypy|perl|ruby)[0-9.]*")
_TAKES_A_WORD = {"-W", "-X", "-o"}
"""Options of interpreters whose value is the next word."""


def written_slave(words: Sequence[str]) -> str | None:
    """Return the slave operand of a command line that writes to one, None for any other."""
    if len(words) == 1:
        words = words[0].split()
    start = _place_of_hammer(words)
    if start is None:
        return None
    for index in range(start + 1, len(words)):
        nth = _SLAVE_OPERAND.get(words[index])
        if nth is not None and index + nth < len(words):
            return words[index + nth]
    return None


def scheduled_slave(line: str) -> str | None:
    """Return the slave operand of a crontab's line that runs a hammer, None for any other."""
    words = [word.strip("'\"();&") for word in line.split()]
    hammers = [index for index, word in enumerate(words) if basename(word) == "hammer"]
    if not hammers or line.lstrip().startswith("#"):
        return None
    return written_slave(words[hammers[0] :])


def _place_of_hammer(words: Sequence[str]) -> int | None:
    """Return which word is hammer where a process is hammer itself, None for any other."""
    index = 0
    program = basename(words[0]) if words else ""
    if _SHELL.fullmatch(program) or _LANGUAGE.fullmatch(program):
        index = _place_of_file(words, is_shell=_SHELL.fullmatch(program) is not None)
    is_hammer = index < len(words) and basename(words[index]) == "hammer"
    return index if is_hammer else None


def _place_of_file(words: Sequence[str], *, is_shell: bool) -> int:
    """Return which word is the file that an interpreter runs; sh -c TEXT NAME is called NAME."""
    index = 1
    while index < len(words) and words[index].startswith("-"):
        if words[index] == "-m" or (words[index] == "-c" and not is_shell):
            return len(words)
        index += 2 if words[index] in _TAKES_A_WORD or words[index] == "-c" else 1
    return index


def is_remote_operand(words: Sequence[str], operand: str) -> bool:
    """Tell whether a slave operand is on another host: mirror-write alone takes a plain path.

    hammer takes anything with a colon for one (docs/hammer.md 7.1).
    """
    return ":" in operand and "mirror-write" not in " ".join(words).split()


def is_same_command(words: Sequence[str], recorded: Sequence[str]) -> bool:
    """Tell whether a process runs a recorded argv, with or without an interpreter before it."""
    count = len(recorded)
    return count > 0 and tuple(words[-count:]) == tuple(recorded)


PS_ARGV = ("ps", "-axww", "-o", "pid=", "-o", "command=")
"""-ww: in its whole length. A list of pids is not asked for: DragonFly's -p takes one."""

_PROGRAM = re.compile(r"\s*\([^\s()]+\)$")


def parse_ps(text: str) -> Mapping[int, tuple[str, ...]]:
    """Return the words of each process, none where ps could not read them.

    A word that holds blanks comes apart: nothing in the text tells.
    """
    told: dict[int, tuple[str, ...]] = {}
    for line in text.splitlines():
        pid, _, command = line.strip().partition(" ")
        if pid.isdecimal():
            told[int(pid)] = tuple(_PROGRAM.sub("", command).split())
    return told
