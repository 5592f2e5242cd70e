"""Defines the default paths, the names of hammerd's own files, and the text of its lock file.

This module imports nothing, so that a command which needs a path does not import the config.
"""

CONFIG = "/usr/local/etc/hammerd.toml"
SAMPLE = f"{CONFIG}.sample"
RUN_DIR = "/var/run/hammerd"
STATE_DIR = "/var/db/hammerd"

PID_FILE = "hammerd.pid"
CONTROL_SOCKET = "control.sock"
STATUS_SOCKET = "status.sock"
RUN_FILES = (PID_FILE, CONTROL_SOCKET, STATUS_SOCKET)
RECORDS_DIR = "streams"
"""A directory in run_dir, with a record of each running stream."""

LOCK_FILE = "hammerd.lock"
STATE_FILE = "state.json"
STATE_COPY = f"{STATE_FILE}.copy"
CLOCKS_FILE = "clocks.json"
STATUS_FILE = "status.json"
HISTORY_FILE = "history.db"
STATE_FILES = (STATE_FILE, STATE_COPY, CLOCKS_FILE, STATUS_FILE, HISTORY_FILE, LOCK_FILE)
"""The files in state_dir."""

LONGEST_LOCK_BYTES = 4096


def lock_text(pid: int, run_dir: object) -> str:
    """Return the text of the lock file: the pid, and the run_dir on a second line."""
    return f"{pid}\n{run_dir}\n"


def read_lock(text: str) -> tuple[str, str]:
    """Parse the text of a lock file into pid and run_dir; "" for a missing part."""
    pid, run_dir = (*text.splitlines(), "", "")[:2]
    return pid.strip(), run_dir
