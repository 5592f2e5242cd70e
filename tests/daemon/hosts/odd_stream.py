"""A mirror-stream that is odd in one way; a stand-in hammer runs it.

    odd_stream.py WAY FILE hammer's own words …

late      forks its target half only when FILE is there
undying   its target half is another user's as long as FILE is not there
flood     prints lines without end
left      leaves a process of another session behind that floods its stderr
"""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

BATCH = b"Mirror-read: Mirror 0000000000000001 to 0000000000000002\n"


def fork(act: Callable[[], object]) -> None:
    if os.fork() == 0:
        act()
        while True:
            signal.pause()


def flood() -> None:
    while True:
        select.select([], [2], [])
        with suppress(BlockingIOError):
            os.write(2, b"x\n" * 2048)


def leave_and_flood() -> None:
    os.setsid()
    flood()


def late(file: Path) -> None:
    fork(lambda: os.write(2, BATCH))
    while not file.exists():
        time.sleep(0.01)
    fork(lambda: None)


def undying(file: Path) -> None:
    fork(lambda: None)
    ready, report_ready = os.pipe()

    def become_another_users() -> None:
        if not file.exists():
            os.setuid(65534)
        os.write(report_ready, b"!")

    fork(become_another_users)
    os.read(ready, 1)  # only then may anybody try to end it
    os.write(2, BATCH)


def flooding(_file: Path) -> None:
    fork(lambda: None)
    fork(lambda: None)
    os.write(2, BATCH)
    fork(flood)


def left(_file: Path) -> None:
    fork(lambda: None)
    fork(lambda: None)
    os.write(2, BATCH)
    fork(leave_and_flood)


WAYS = {"late": late, "undying": undying, "flood": flooding, "left": left}

if __name__ == "__main__":
    WAYS[sys.argv[1]](Path(sys.argv[2]))
    while True:
        signal.pause()
