"""Writes and parses the text of the lock file: the pid, and the run_dir on a second line."""

LONGEST_LOCK_BYTES = 4096


def lock_text(pid: int, run_dir: object) -> str:
    """Return the text of a lock file."""
    return f"{pid}\n{run_dir}\n"


def read_lock(text: str) -> tuple[str, str]:
    """Parse the text of a lock file into pid and run_dir; "" for a missing part."""
    pid, run_dir = (*text.splitlines(), "", "")[:2]
    return pid.strip(), run_dir
