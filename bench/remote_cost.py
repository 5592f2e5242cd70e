"""Measures the cost of many pairs to one other host, beside as many pairs on this host.

The streams are idle. A pair to another host costs the daemon what a local one does, and all of
them together the logins of the probes. ssh, sshd and the far halves are not counted: bare hammer
has them too.
"""

import time

from bench.cost import SECONDS_TO_REST, WINDOW_S, Subject, print_costs
from bench.far import far_host
from bench.rig import rig
from bench.supervised import Hammerd

PAIRS = 100


def run() -> None:
    """Measure both daemons at the same time."""
    with rig() as here, far_host(here) as far:
        ours, near = here.on_one_file_system(PAIRS), here.on_one_file_system(PAIRS)
        pushed = [far.push(mirror) for mirror in ours]
        daemons = {
            f"hammerd, {PAIRS} pairs to one host": Hammerd(here, "far", pushed, here.hammer),
            f"hammerd, {PAIRS} local pairs": Hammerd(here, "near", near, here.hammer),
        }
        for daemon in daemons.values():
            daemon.wait_until_idle(up_s=0, patience_s=300)
        counts = (far.logins, lambda: 0)
        subjects = [
            Subject(name, daemon.process.pid, count)
            for (name, daemon), count in zip(daemons.items(), counts, strict=True)
        ]
        time.sleep(SECONDS_TO_REST)
        before = [subject.read() for subject in subjects]
        time.sleep(WINDOW_S)
        rows = [each.row(read) for each, read in zip(subjects, before, strict=True)]
    print_costs("Cost of an idle supervisor, pairs to another host", "logins/min", rows)
