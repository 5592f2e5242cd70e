"""The first lines of the scripts that stand in for hammer and its fellow programs."""

from __future__ import annotations

import os
import shlex
import sys

SHEBANG_LIMIT_BYTES = 127
"""How long a kernel lets a first line be, its newline not counted."""


def shebang(*options: str) -> str:
    """Return the first lines of a Python script that this Python runs, wherever it is installed.

    That of a venv is a link, perhaps at a path that no first line can hold, since a kernel takes
    no blank in it and no longer line than its limit: the Python behind the link is named, whose
    libraries are the standard ones. Where that cannot be named either, sh starts it, which reads
    the second line, and Python takes that for a string; but sh does not leave SIGCHLD ignored.
    """
    words = (os.path.realpath(sys.executable), *options)
    line = f"#!{' '.join(words)}"
    if len(words[0].split()) == 1 and len(line.encode()) <= SHEBANG_LIMIT_BYTES:
        return f"{line}\n"
    return f"#!/bin/sh\n'''exec' {shlex.join(words)} \"$0\" \"$@\"\n' '''\n"
