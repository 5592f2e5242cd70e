"""Asks ps(1) for all command lines, and reads what it prints.

`  952 /bin/sh -c sleep 8; : a b`          the words with one blank between them
`    2 -sh (sh)`                           the program behind them where the first is none
`  953 (hammer)`                           DragonFly: they could not be read
"""

import re
from collections.abc import Mapping

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
