"""Defines the default paths and the names of hammerd's own files.

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

KNOWN_HOSTS_FILE = "known_hosts"
"""The keys of other hosts, in state_dir; people write it, ssh reads it."""

LOCK_FILE = "hammerd.lock"
STATE_FILE = "state.json"
STATE_COPY = f"{STATE_FILE}.copy"
CLOCKS_FILE = "clocks.json"
STATUS_FILE = "status.json"
ALARMS_FILE = "alarms.json"
HISTORY_FILE = "history.db"
STATE_FILES = (
    *(STATE_FILE, STATE_COPY, CLOCKS_FILE, STATUS_FILE, ALARMS_FILE, HISTORY_FILE, LOCK_FILE),
)
"""The files in state_dir."""

PLANS_DIR = "plans"
"""A directory in state_dir, with the record of each pair that a plan holds."""

VERIFY_DIR = "verify"
"""A directory in state_dir, with the sessions of verifications that have not ended."""

VERIFIED_DIR = "verified"
"""A directory in state_dir, with the last result of each pair's verification."""
