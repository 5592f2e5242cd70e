"""The only place that sleeps or reads a clock, so that one number makes all of it faster.

SIM_TIME_SCALE divides every wait; SIM_WAIT_TRACE names a file that gets a line for each;
SIM_CLOCK=round makes whole seconds round instead of count ticks (HAMMER.md 9.3); a number is how
far in a second the conducted time begins.
SIM_CONDUCTOR names a directory from which a test conducts the time instead: `now` holds it, and
who sleeps says so in the FIFO `requests` and reads a FIFO of its own until it is woken.
"""

from __future__ import annotations

import os
import time

from hammerd.simulator.kernel.state_files import read_bytes, unlink_if_there


def _time_scale() -> float:
    try:
        scale = float(os.environ.get("SIM_TIME_SCALE", "1"))
    except ValueError:
        return 1.0
    return scale if scale > 0 else 1.0


TIME_SCALE = _time_scale()


CONDUCTOR = os.environ.get("SIM_CONDUCTOR")


class Role:
    """Which process of a stream this is, for the wait trace."""

    name = "parent"


def now() -> float:
    """Return the simulated seconds of a clock that never goes back."""
    if CONDUCTOR:
        return float(read_bytes(os.path.join(CONDUCTOR, "now")))
    return time.monotonic() * TIME_SCALE


def whole_seconds_since(start: float) -> int:
    """Return how many whole-second ticks passed since `start`, as two time(3) readings would."""
    begun = os.environ.get("SIM_CLOCK", "0")
    if begun == "round":
        return int(now() - start + 0.5)
    return int(now() + float(begun)) - int(start + float(begun))


def sleep(seconds: float, reason: str) -> None:
    """Sleep that many simulated seconds and leave a line in the wait trace."""
    trace(seconds, reason)
    if CONDUCTOR:
        _sleep_conducted(CONDUCTOR, seconds, reason)
    elif seconds > 0:
        time.sleep(seconds / TIME_SCALE)


def _sleep_conducted(place: str, seconds: float, reason: str) -> None:
    own = os.path.join(place, str(os.getpid()))
    unlink_if_there(own)
    os.mkfifo(own, 0o600)
    # Read and write: it must not end, nor its opening block, while nobody writes.
    fd = os.open(own, os.O_RDWR)
    requests = os.open(os.path.join(place, "requests"), os.O_WRONLY)
    os.write(requests, f"{os.getpid()} {Role.name} {seconds:.3f} {reason}\n".encode())
    os.close(requests)
    os.read(fd, 1)
    os.unlink(own)
    os.close(fd)


def kernel_now() -> float:
    """Return a moment that all processes agree on, whatever scale each of them has."""
    return now() if CONDUCTOR else time.monotonic()


def kernel_sleep(until: float, reason: str) -> None:
    """Sleep up to a moment of `kernel_now`."""
    left = until - kernel_now()
    while left > 0:
        if CONDUCTOR:
            sleep(left, reason)
        else:
            time.sleep(left)
        left = until - kernel_now()


def trace(seconds: float, reason: str) -> None:
    """Append `pid half seconds reason` to the wait trace; -1 stands for a wait without end."""
    name = os.environ.get("SIM_WAIT_TRACE")
    if not name:
        return
    line = f"{os.getpid()} {Role.name} {seconds:.3f} {reason}\n"
    fd = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, line.encode())
    os.close(fd)
