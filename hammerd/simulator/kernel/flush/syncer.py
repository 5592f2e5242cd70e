"""The syncer: flushes a file system periodically (knob `syncer_s`), as the kernel does.

No process runs it. Each ioctl and each wait for a TID runs it if it is due; in between, its
absence cannot be observed. The next run is due one period after the last, so a late run never
publishes a write earlier than a punctual syncer would.
"""

from hammerd.simulator.kernel.file_system.publishing import MANUAL, SYNCER
from hammerd.simulator.kernel.file_system.volume import FileSystem
from hammerd.simulator.kernel.flush.sync import flush
from hammerd.simulator.runtime import clock
from hammerd.simulator.runtime.state_files import read_or_empty, replace_file


def flush_if_due(fs: FileSystem) -> None:
    """Flush if the syncer is due and no flush is in progress."""
    if _is_due(fs) and _begin_period(fs):
        flush(fs, SYNCER)


def next_change_at(fs: FileSystem) -> float | None:
    """Return the next time at which a TID may move by itself, None if there is none."""
    groups = fs.publishing().groups
    if groups:
        return None if groups[0][0] == MANUAL else groups[0][0]
    if fs.is_set("syncer_s"):
        return _due(fs) or clock.kernel_now()
    return None


def _is_due(fs: FileSystem) -> bool:
    due = _due(fs)
    is_due = due is None or due <= clock.kernel_now()
    return is_due and not fs.publishing().ends_at()


def _begin_period(fs: FileSystem) -> bool:
    """Begin the next period; return whether this process is to flush.

    It is not if another process was faster, or if the very first period begins.
    """
    with fs.locked():
        due = _due(fs)
        if not _is_due(fs):
            return False
        replace_file(fs.path("syncer_at"), b"%r\n" % (clock.kernel_now() + _period_s(fs)))
        return due is not None


def _period_s(fs: FileSystem) -> float:
    return float(fs.knob("syncer_s")) / fs.time_scale()


def _due(fs: FileSystem) -> float | None:
    content = read_or_empty(fs.path("syncer_at"))
    return float(content) if content else None
