"""Tells how much room the file systems of paths have, and prints it as JSON.

A statvfs of a disk that hangs never returns: here it costs a child with a deadline. Run as a
program (python -IS statvfs.py PATH ...) this file needs nothing but the standard library.
"""

import json
import os
import sys


def room(path: str) -> list[int] | None:
    """Return the free and the total bytes where a path is, None where that cannot be told.

    The directory above is asked: a slave's softlink leads nowhere before its first mirroring.
    """
    try:
        found = os.statvfs(os.path.dirname(path.rstrip("/")) or "/")
    except OSError:
        return None
    return [found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize]


if __name__ == "__main__":
    json.dump([room(path) for path in sys.argv[1:]], sys.stdout)
