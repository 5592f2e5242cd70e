"""Finds hammerd-rsh, the program that hammer runs for a half on another host (hammerd/rsh.py)."""

import os
import sys
from pathlib import Path

NAME = "hammerd-rsh"


def rsh_program() -> str:
    """Return the path of hammerd-rsh, its name alone where it is not beside this program.

    `make install` puts it into PREFIX/libexec, pip beside hammerd or the interpreter. By its name
    hammer looks for it in its PATH.
    """
    program = Path(sys.argv[0]).resolve().parent
    interpreter = Path(sys.executable).parent
    for directory in (program, program.parent / "libexec", interpreter):
        if os.access(directory / NAME, os.X_OK):
            return str(directory / NAME)
    return NAME
