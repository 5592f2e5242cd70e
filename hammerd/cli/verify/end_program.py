"""Describes one end's tree on standard output: `hammerd verify --end PATH TID`."""

import contextlib
import os
import sys
from threading import Thread

from hammerd.cli.verify.end_output import print_tree
from hammerd.core.errors import BadOutput
from hammerd.core.exit_codes import Exit
from hammerd.core.tid import Tid
from hammerd.core.verify.entries import REFUSED
from hammerd.core.verify.points import as_of
from hammerd.core.verify.request import parse_request

BUFFER_BYTES = 64 << 10


def run_end(path: str, tid: Tid) -> int:
    """Print the lines of a tree as of a TID; return the exit status.

    Standard input may hold one line with a request. If it does, its end ends this process, which
    then has nobody to report to.
    """
    line = sys.stdin.buffer.readline()
    try:
        request = parse_request(line)
    except BadOutput as error:
        _refuse(str(error.message))
        return Exit.USAGE
    if line:
        Thread(target=_end_with_input, daemon=True).start()
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb", BUFFER_BYTES)
    try:
        with contextlib.closing(out):
            print_tree(as_of(path, tid), request, out)
    except BrokenPipeError:
        return Exit.IO_ERROR
    except OSError as error:
        _refuse(f"{as_of(path, tid)}: {error.strerror}")
        return Exit.UNAVAILABLE
    return Exit.OK


def _refuse(reason: str) -> None:
    text = reason.encode(errors="surrogateescape").replace(b"\n", b" ")
    os.write(sys.stdout.fileno(), b"%c %s\n" % (REFUSED, text))


def _end_with_input() -> None:
    # Not through sys.stdin: Python aborts if a thread still reads from it when the process ends.
    fd = sys.stdin.fileno()
    while os.read(fd, 1):
        pass
    # A read of a disk that hangs must not keep the process.
    os._exit(Exit.IO_ERROR)
