"""How long an isolated write takes from the master's flush to the slave's commit.

Isolated: more than a delay after the last write and the last launch. Bare hammer, as the
tutorial starts it, then needs two delays (it copies in the batch after the next);
hammerd's pair in following gear runs with -B.
"""

import subprocess
import time
from collections.abc import Sequence
from statistics import median

from bench.rig import DELAY_S, Mirror, rig, wait_until
from bench.supervised import Hammerd
from bench.tables import milliseconds, print_table, seconds_of

STREAMS = 4
ROUNDS = 2
REST_S = DELAY_S + 1
PROMISED_RATIO = 50
TURN_S = 0.001


def run() -> None:
    """Measure bare hammer and hammerd, and print the ratio."""
    with rig() as here:
        bare, ours = here.apart(STREAMS), here.apart(STREAMS)
        for mirror in bare:
            words = mirror.stream_words(here.hammer)
            subprocess.Popen(words, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        daemon = Hammerd(here, "hammerd", ours, here.hammer)
        daemon.wait_until_at_rest()
        bare_s, ours_s = [], []
        for _ in range(ROUNDS):
            time.sleep(REST_S)
            ours_s += [_latencies([mirror])[0] for mirror in ours]
            bare_s += _latencies(bare)
    _report(bare_s, ours_s)


def _report(bare_s: Sequence[float], ours_s: Sequence[float]) -> None:
    ratio = median(bare_s) / median(ours_s)
    print_table(
        f"Freshness: an isolated write on the slave, delay {DELAY_S} s",
        ("", "median"),
        [
            ("bare hammer mirror-stream", seconds_of(bare_s)),
            ("hammerd, following gear", milliseconds(ours_s)),
            ("ratio", f"{ratio:.0f} (promised: {PROMISED_RATIO})"),
        ],
    )


def _latencies(mirrors: Sequence[Mirror]) -> list[float]:
    """Write to all mirrors, and return how long each slave took, in seconds."""
    began = []
    for mirror in mirrors:
        began_at = time.monotonic()
        began.append((mirror, mirror.write(), began_at))
    ended: dict[str, float] = {}

    def all_committed() -> bool:
        for mirror, tid, began_at in began:
            if mirror.name not in ended and mirror.holds(tid):
                ended[mirror.name] = time.monotonic() - began_at
        return len(ended) == len(began)

    wait_until(all_committed, "the slaves follow", TURN_S)
    return [ended[mirror.name] for mirror in mirrors]
