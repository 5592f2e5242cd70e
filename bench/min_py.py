"""A minimal supervisor to compare with: Popen and a wait for the parent.

Run as `python -IS min_py.py FILE`: each line of FILE is a command, its words separated by tabs.
Each is started again as soon as its process has ended. Remaining halves and output are ignored.
"""

import os
import subprocess
import sys


def main(file: str) -> None:
    """Run the commands of a file for ever."""
    with open(file) as lines:
        commands = [line.rstrip("\n").split("\t") for line in lines]
    running = {start(command): command for command in commands}
    while True:
        pid, _status = os.wait()
        command = running.pop(pid)
        running[start(command)] = command


def start(command: list[str]) -> int:
    """Start a command in a session of its own and return its pid."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    process.returncode = 0  # os.wait reaps it: Popen need not warn
    return process.pid


if __name__ == "__main__":
    main(sys.argv[1])
