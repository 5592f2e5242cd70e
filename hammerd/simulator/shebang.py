"""Makes the first lines of the simulator's programs, which must run at any path."""

import os
import shlex
import sys

SHEBANG_LIMIT_BYTES = 127
"""The longest first line that a kernel accepts, without its newline."""


def shebang(*options: str) -> str:
    """Return the first lines of a script that this Python runs, wherever Python is installed.

    They name the real path of Python, because a venv's link may lie at a path with a blank or
    longer than the limit, which a kernel does not accept. If the real path does not fit either,
    sh executes the second line, which Python reads as a string. sh does not keep SIGCHLD ignored.
    """
    words = (os.path.realpath(sys.executable), *options)
    line = f"#!{' '.join(words)}"
    if len(words[0].split()) == 1 and len(line.encode()) <= SHEBANG_LIMIT_BYTES:
        return f"{line}\n"
    return f"#!/bin/sh\n'''exec' {shlex.join(words)} \"$0\" \"$@\"\n' '''\n"
