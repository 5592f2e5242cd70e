"""Clock and sleep of all programs; no other module sleeps, so one number scales every wait.

SIM_TIME_SCALE divides every wait; SIM_WAIT_TRACE names a file that gets a line for each.
SIM_CLOCK=round rounds whole seconds instead of counting ticks (docs/hammer.md 5.5); a number is
the part of a second that has passed when virtual time begins.
SIM_VIRTUAL_CLOCK names a directory from which a test sets the time: the file `now` holds it, and
a process that sleeps writes a line to the FIFO `requests` and reads its own FIFO until a wakeup.
"""

import os
import time

from hammerd.simulator.runtime.state_files import read_bytes, unlink_if_present


def _time_scale() -> float:
    try:
        scale = float(os.environ.get("SIM_TIME_SCALE", "1"))
    except ValueError:
        return 1.0
    return scale if scale > 0 else 1.0


TIME_SCALE = _time_scale()


VIRTUAL_CLOCK = os.environ.get("SIM_VIRTUAL_CLOCK")


class Role:
    """The role of this process in its stream, for the wait trace."""

    name = "parent"


def now() -> float:
    """Return the simulated seconds of a monotonic clock."""
    if VIRTUAL_CLOCK:
        return float(read_bytes(os.path.join(VIRTUAL_CLOCK, "now")))
    return time.monotonic() * TIME_SCALE


def whole_seconds_since(start: float) -> int:
    """Return the whole-second ticks since `start`, as two time(3) readings would."""
    begun = os.environ.get("SIM_CLOCK", "0")
    if begun == "round":
        return int(now() - start + 0.5)
    return int(now() + float(begun)) - int(start + float(begun))


def sleep(seconds: float, reason: str) -> None:
    """Sleep that many simulated seconds and leave a line in the wait trace."""
    trace(seconds, reason)
    if VIRTUAL_CLOCK:
        _sleep_virtual(VIRTUAL_CLOCK, seconds, reason)
    elif seconds > 0:
        time.sleep(seconds / TIME_SCALE)


def _sleep_virtual(place: str, seconds: float, reason: str) -> None:
    own = os.path.join(place, str(os.getpid()))
    unlink_if_present(own)
    os.mkfifo(own, 0o600)
    # Read and write: without a writer, neither open nor read may return early or block for ever.
    fd = os.open(own, os.O_RDWR)
    requests = os.open(os.path.join(place, "requests"), os.O_WRONLY)
    os.write(requests, f"{os.getpid()} {Role.name} {seconds:.3f} {reason}\n".encode())
    os.close(requests)
    os.read(fd, 1)
    os.unlink(own)
    os.close(fd)


def kernel_now() -> float:
    """Return a monotonic time that is the same in all processes, whatever their time scale."""
    return now() if VIRTUAL_CLOCK else time.monotonic()


def kernel_sleep(until: float, reason: str) -> None:
    """Sleep until a time of `kernel_now`."""
    left = until - kernel_now()
    while left > 0:
        if VIRTUAL_CLOCK:
            sleep(left, reason)
        else:
            time.sleep(left)
        left = until - kernel_now()


def trace(seconds: float, reason: str) -> None:
    """Append `pid role seconds reason` to the wait trace; -1 seconds means no time limit."""
    name = os.environ.get("SIM_WAIT_TRACE")
    if not name:
        return
    line = f"{os.getpid()} {Role.name} {seconds:.3f} {reason}\n"
    fd = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, line.encode())
    os.close(fd)
