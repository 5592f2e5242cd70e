"""Looks at paths without going near the loop: a lean child lstats them and prints JSON lines.

A stat of a path on a disk that hangs never returns; here it costs a child with a deadline. Each
path is told as soon as it was looked at: the first one that is missing is the one that hangs.
Run as a program (python -IS look.py PATH ...) this file needs nothing but the standard library.
"""

import json
import os
import stat
import sys

MOST_LINKS = 16


def look(path: str) -> dict[str, object]:
    """Return what a path is: lstat's errno, its kind, a link's text, and the same one level up.

    `operand` is what hammer must be given, `real` the same without any symlink on the way to it.
    """
    end = operand(path)
    return {
        "path": path,
        "operand": end,
        "real": os.path.join(os.path.realpath(_above(end)), os.path.basename(end.rstrip("/"))),
        "is_pfs_link": (_link_text(end) or "").startswith("@@"),
        **_facts(path),
        "above": _facts(_above(path)),
    }


def operand(path: str) -> str:
    """Follow symlinks up to a PFS softlink, which hammer must be given itself.

    A symlink to a PFS softlink is only opened plainly, and fails until the slave was mirrored to
    for the first time (HAMMER.md §3).
    """
    at = path
    for _ in range(MOST_LINKS):
        text = _link_text(at)
        if text is None or text.startswith("@@"):
            return at
        at = os.path.normpath(os.path.join(os.path.dirname(at), text))
    return path


def _facts(path: str) -> dict[str, object]:
    try:
        found = os.lstat(path)
    except OSError as error:
        return {"errno": error.errno, "is_symlink": False, "is_directory": False, "device": None}
    mode = found.st_mode
    return {
        "errno": 0,
        "device": found.st_dev,
        "is_symlink": stat.S_ISLNK(mode),
        "is_directory": stat.S_ISDIR(mode),
        "link_text": _link_text(path),
    }


def _link_text(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _above(path: str) -> str:
    return os.path.dirname(path.rstrip("/")) or "/"


if __name__ == "__main__":
    for path in sys.argv[1:]:
        sys.stdout.write(json.dumps(look(path)) + "\n")
        sys.stdout.flush()
