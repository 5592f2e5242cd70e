"""A PID 1 that starts one program and never waits: processes that die below it stay zombies.

Run in a pid namespace of its own: unshare --pid --fork --mount-proc python never_reaps.py …
"""

import os
import signal
import sys

if __name__ == "__main__":
    assert os.getpid() == 1, "must be the first process of its pid namespace"
    if os.fork() == 0:
        os.execv(sys.argv[1], sys.argv[1:])
    while True:
        signal.pause()
