"""The first lines of the scripts that stand in for hammer and its fellow programs."""

from __future__ import annotations

import shlex
import sys

SHEBANG_LIMIT_BYTES = 127
"""How long a kernel lets a first line be, its newline not counted."""


def shebang(*options: str) -> str:
    """Return the first lines of a Python script that this Python runs, wherever it is installed.

    A kernel takes no blank in an interpreter's path and no longer line than its limit. Where ours
    is such a path, sh is named, which reads the second line; to Python that is a string.
    """
    words = (sys.executable, *options)
    line = f"#!{' '.join(words)}"
    if len(sys.executable.split()) == 1 and len(line.encode()) <= SHEBANG_LIMIT_BYTES:
        return f"{line}\n"
    return f"#!/bin/sh\n'''exec' {shlex.join(words)} \"$0\" \"$@\"\n' '''\n"
