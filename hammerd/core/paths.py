"""Where things are when nobody says otherwise; names of hammerd's own files, and its lock.

Apart from the config, so that asking for them costs nothing.
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
"""In run_dir; the directory holds a record of each stream that runs."""

LOCK_FILE = "hammerd.lock"
STATE_FILE = "state.json"
STATE_COPY = f"{STATE_FILE}.copy"
CLOCKS_FILE = "clocks.json"
STATUS_FILE = "status.json"
HISTORY_FILE = "history.db"
STATE_FILES = (STATE_FILE, STATE_COPY, CLOCKS_FILE, STATUS_FILE, HISTORY_FILE, LOCK_FILE)
"""In state_dir."""

LONGEST_LOCK_BYTES = 4096


def lock_text(pid: int, run_dir: object) -> str:
    """Return what stands in the lock: the pid, and the run_dir on a second line."""
    return f"{pid}\n{run_dir}\n"


def read_lock(text: str) -> tuple[str, str]:
    """Return the pid and the run_dir that stand in a lock, "" for what is missing."""
    pid, run_dir = (*text.splitlines(), "", "")[:2]
    return pid.strip(), run_dir
