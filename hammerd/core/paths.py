"""Where things are when nobody says otherwise, and what hammerd's own files are called.

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
