"""Stands in for lockf(1) of the BSDs: holds a lock for a command that does not inherit it.

lockf [-ks] -t 0 FILE COMMAND...
"""

import fcntl
import os
import signal
import sys

EX_TEMPFAIL = 75

words = sys.argv[1:]
while words[0].startswith("-"):
    words = words[2:] if words[0] == "-t" else words[1:]
file, *command = words
lock = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(EX_TEMPFAIL)
pid = os.fork()
if pid == 0:
    os.execvp(command[0], command)
for ignored in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(ignored, signal.SIG_IGN)
_, status = os.waitpid(pid, 0)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)
