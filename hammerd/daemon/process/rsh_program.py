"""Finds the programs of hammerd: itself, and hammerd-rsh.

hammer runs hammerd-rsh for a half on another host (hammerd/rsh.py).
"""

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


def hammerd_words() -> tuple[str, ...]:
    """Return the words that run this hammerd as another process."""
    program = sys.argv[0]
    if os.path.basename(program) == "hammerd" and os.access(program, os.X_OK):
        return (os.path.abspath(program),)
    return (sys.executable, "-m", "hammerd.cli.main")
