"""The syncer: flushes a file system every so often (knob `syncer_s`), though nobody is asked to.

No process does it. Whoever makes an ioctl or waits for a TID looks whether it is due and runs it;
while nobody looks, nobody can tell that it did not run. The next run is due one period after the
last, so a late look never makes a write come earlier than a punctual syncer would.
"""

from __future__ import annotations

from hammerd.simulator import clock
from hammerd.simulator.kernel import flush
from hammerd.simulator.kernel.file_system import FileSystem
from hammerd.simulator.kernel.publishing import BY_HAND, SYNCER
from hammerd.simulator.kernel.state_files import read_bytes, replace_file


def catch_up(fs: FileSystem) -> None:
    """Run the syncer if it is due and no flush is under way."""
    if _is_due(fs) and _take_turn(fs):
        flush.flush(fs, SYNCER)


def next_moment(fs: FileSystem) -> float | None:
    """Return when a TID may move by itself, None where nothing is to come."""
    groups = fs.publishing().groups
    if groups:
        return None if groups[0][0] == BY_HAND else groups[0][0]
    if fs.is_set("syncer_s"):
        return _due(fs) or clock.kernel_now()
    return None


def _is_due(fs: FileSystem) -> bool:
    due = _due(fs)
    is_due = due is None or due <= clock.kernel_now()
    return is_due and not fs.publishing().ends_at()


def _take_turn(fs: FileSystem) -> bool:
    """Begin the next period; False for who was not the first, or began the very first."""
    with fs.locked():
        due = _due(fs)
        if not _is_due(fs):
            return False
        replace_file(fs.path("syncer_at"), b"%r\n" % (clock.kernel_now() + _period_s(fs)))
        return due is not None


def _period_s(fs: FileSystem) -> float:
    return float(fs.knob("syncer_s")) / fs.time_scale()


def _due(fs: FileSystem) -> float | None:
    try:
        return float(read_bytes(fs.path("syncer_at")))
    except FileNotFoundError:
        return None
