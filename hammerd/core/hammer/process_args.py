"""Parses the command lines of other processes, to find the slave that a process writes to.

Only hammer itself writes: a process whose first word has the basename `hammer`, or an interpreter
that runs a file of that name. Its halves have the same words as their parent (docs/hammer.md 4.1).
A program that starts a hammer (screen, lockf, timeout, a shell) may outlive it, and may start it
on another host, where its operand is a path of that host (docs/hammer.md 7.1). Such a program
does not write here itself, and a hammer that it runs here is found as a process of its own.

The output of ps(1) is parsed here, too:

`  952 /bin/sh -c sleep 8; : a b`          the words with one blank between them
`    2 -sh (sh)`                           the program after them if the first word is not it
`  953 (hammer)`                           DragonFly: the words could not be read
"""

import re
from collections.abc import Mapping, Sequence
from posixpath import basename

_SLAVE_OPERAND = {"mirror-stream": 2, "mirror-copy": 2, "mirror-write": 1}
"""The index of the operand, after the verb, that is the written PFS."""

_OPTIONS_WITH_WORD = frozenset("bcefitmpCRST")
"""The options of hammer that take a word."""

_SHELL = re.compile(r"-?(env|(a|ba|da|k|mk|z|c|tc|fi)?sh)")
_LANGUAGE = re.compile(r"(python|pypy|perl|ruby)[0-9.]*")
_LOGINS = frozenset({"ssh", "autossh", "rsh", "slogin", "mosh"})

_TAKES_A_WORD = {"-W", "-X", "-o"}
"""The options of interpreters that take the next word as their value."""

_PROGRAM_OPTIONS = {"-m", "-c", "-e"}
"""The options of other languages that name or hold the program: no file is run."""

_TEXT_OPTION = re.compile(r"-[A-Za-z]*c[A-Za-z]*")
"""The options of a shell that make the next word its program: -c, -lc, -ec."""


def written_slave(words: Sequence[str]) -> str | None:
    """Return the slave operand of a command line that writes to one, None for any other."""
    if len(words) == 1:
        words = words[0].split()
    start = _hammer_index(words)
    if start is None:
        return None
    command = words[_command_index(words, start + 1) :]
    nth = _SLAVE_OPERAND.get(command[0]) if command else None
    return command[nth] if nth is not None and nth < len(command) else None


def _command_index(words: Sequence[str], index: int) -> int:
    """Return the index of hammer's command; its options end at the first other word.

    A word of an option may read like a command: `-R mirror-write -T /pfs/` of ssh-remote.
    """
    while index < len(words) and words[index].startswith("-") and words[index] != "-":
        letters = words[index][1:]
        if letters == "-":
            return index + 1
        valued = next((at for at, one in enumerate(letters) if one in _OPTIONS_WITH_WORD), None)
        index += 2 if valued == len(letters) - 1 else 1
    return index


def scheduled_slave(line: str) -> str | None:
    """Return the slave operand of a crontab line that runs hammer, None for any other line."""
    words = [word.strip("'\"();&") for word in line.split()]
    hammers = [index for index, word in enumerate(words) if basename(word) == "hammer"]
    if not hammers or line.lstrip().startswith("#"):
        return None
    if any(basename(word) in _LOGINS for word in words[: hammers[0]]):
        return None  # it writes on the host that it logs in to
    return written_slave(words[hammers[0] :])


def _hammer_index(words: Sequence[str]) -> int | None:
    """Return the index of the word that is hammer, None if the process is not hammer itself."""
    index = 0
    program = basename(words[0]) if words else ""
    if _SHELL.fullmatch(program) or _LANGUAGE.fullmatch(program):
        index = _script_index(words, is_shell=_SHELL.fullmatch(program) is not None)
    is_hammer = index < len(words) and basename(words[index]) == "hammer"
    return index if is_hammer else None


def _script_index(words: Sequence[str], *, is_shell: bool) -> int:
    """Return the index of the file that an interpreter runs; for sh -c TEXT NAME that of NAME."""
    index = 1
    while index < len(words) and words[index].startswith("-"):
        if not is_shell and words[index] in _PROGRAM_OPTIONS:
            return len(words)
        has_text = is_shell and _TEXT_OPTION.fullmatch(words[index]) is not None
        index += 2 if words[index] in _TAKES_A_WORD or has_text else 1
    return index


def is_remote_operand(words: Sequence[str], operand: str) -> bool:
    """Return whether a slave operand is on another host.

    hammer treats any operand with a colon as remote (docs/hammer.md 7.1), except mirror-write's,
    which is always a local path.
    """
    return ":" in operand and "mirror-write" not in " ".join(words).split()


def is_same_command(words: Sequence[str], recorded: Sequence[str]) -> bool:
    """Return whether a process runs a recorded argv, with or without an interpreter first."""
    count = len(recorded)
    return count > 0 and tuple(words[-count:]) == tuple(recorded)


PS_ARGV = ("ps", "-axww", "-o", "pid=", "-o", "command=")
"""-ww prints whole command lines. All processes are listed: DragonFly's -p takes one pid only."""

_PROGRAM = re.compile(r"\s*\([^\s()]+\)$")


def parse_ps(text: str) -> Mapping[int, tuple[str, ...]]:
    """Return the words of each process by pid; () if ps could not read them.

    A word that contains blanks becomes several words: the text does not show the difference.
    """
    commands: dict[int, tuple[str, ...]] = {}
    for line in text.splitlines():
        pid, _, command = line.strip().partition(" ")
        if pid.isdecimal():
            commands[int(pid)] = tuple(_PROGRAM.sub("", command).split())
    return commands
