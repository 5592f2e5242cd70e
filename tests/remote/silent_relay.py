"""Carries ssh's bytes to an sshd; when ssh ends it keeps the connection open, as a cut cable does.

ProxyCommand=PYTHON silent_relay.py ADDRESS PORT [WORD...]
"""

import os
import select
import signal
import socket
import sys
import time

os.setsid()
# ssh sends it to its proxy when it ends.
signal.signal(signal.SIGHUP, signal.SIG_IGN)
sshd = socket.create_connection((sys.argv[1], int(sys.argv[2])))
try:
    while True:
        readable, _, _ = select.select([0, sshd], [], [])
        if sshd in readable:
            data = sshd.recv(1 << 16)
            if not data:
                sys.exit()
            os.write(1, data)
        if 0 in readable:
            data = os.read(0, 1 << 16)
            if not data:
                break
            sshd.sendall(data)
except OSError:
    pass
time.sleep(1000)
