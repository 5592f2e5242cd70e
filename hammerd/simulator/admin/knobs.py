"""The knobs of a file system (docs/simulator.md)."""

from pathlib import Path

from hammerd.simulator.admin.as_of import keep_present_trees
from hammerd.simulator.admin.lookup import file_system_at
from hammerd.simulator.kernel.file_system.publishing import shape_of
from hammerd.simulator.runtime import waiters
from hammerd.simulator.runtime.state_files import replace_file

KNOBS = (
    "slow_read_ms",
    "slow_write_ms",
    "ronly",
    "faults",
    "full",
    "unprivileged",
    "open_files",
    "lost_disk",
    "fork_fails",
    "flush_steps",
    "syncer_s",
    "time_scale",
    "as_of",
    "bad_crc",
    "synctid_ahead",
)


def set_knob(root: Path, name: str, value: str | float | None) -> None:
    """Set one of KNOBS (docs/simulator.md) or, with None, remove it.

    Raises:
        ValueError: no such knob, no such file system, or no such value of `flush_steps`.
    """
    if name not in KNOBS:
        raise ValueError(f"no knob {name}: there are {', '.join(KNOBS)}")
    if name == "flush_steps" and value:
        shape_of(str(value), 1)
    fs = file_system_at(root)
    if value is None:
        Path(fs.path(name)).unlink(missing_ok=True)
    else:
        replace_file(fs.path(name), f"{value}\n".encode())
    if name == "as_of":
        keep_present_trees(fs)
    waiters.wake(fs.path("waiters"))
