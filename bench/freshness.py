"""Measures the time of an isolated write from sync(2) to its content on the slave.

Once with both ends here, once with the master on another host (a real ssh to the loopback).

The masters' file systems publish a flush in steps, as a kernel does: the first step wakes a
stream and need not hold the write. Isolated: more than a delay after the last write and the last
launch. Bare hammer runs as the tutorial starts it, with a delay of 5 s and without -B; hammerd's
pairs run in following gear, with -B and its delay of 1 s.
"""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from statistics import median

from bench.far import far_host
from bench.rig import DELAY_S, Mirror, Rig, rig, wait_until
from bench.supervised import Hammerd
from bench.tables import print_table, seconds_of

STREAMS = 4
ROUNDS = 3
IDLE_S = DELAY_S + 1
TURN_S = 0.001


def run() -> None:
    """Measure bare hammer and hammerd, and print the ratio."""
    with rig(in_steps=True) as here:
        bare, ours = here.on_own_file_systems(STREAMS), here.on_own_file_systems(STREAMS)
        _compare(here, bare, ours, {})


def run_pull() -> None:
    """Do the same for masters on another host, which hammer alone gives no delay and no -B."""
    with rig(in_steps=True) as here, far_host(here) as far:
        bare = [far.pull(mirror) for mirror in here.on_own_file_systems(STREAMS)]
        ours = [far.pull(mirror) for mirror in here.on_own_file_systems(STREAMS)]
        _compare(here, bare, ours, {"HAMMER_RSH": str(far.rsh)})


def _compare(
    here: Rig, bare: Sequence[Mirror], ours: Sequence[Mirror], env: Mapping[str, str]
) -> None:
    for mirror in bare:
        words = mirror.stream_words(here.hammer)
        subprocess.Popen(
            words, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env={**os.environ, **env}
        )
    daemon = Hammerd(here, "hammerd", ours, here.hammer)
    daemon.wait_until_idle()
    bare_s, ours_s = [], []
    for number in range(ROUNDS):
        time.sleep(IDLE_S)
        latencies = _latencies((*ours, *bare), f"round{number}")
        ours_s += latencies[:STREAMS]
        bare_s += latencies[STREAMS:]
    _report(bare_s, ours_s, "pull" if env else "local")


def _report(bare_s: Sequence[float], ours_s: Sequence[float], kind: str) -> None:
    ratio = median(bare_s) / median(ours_s)
    print_table(
        f"Freshness, {kind} pairs: from sync to the content on the slave, delay {DELAY_S} s",
        ("", "median"),
        [
            ("bare hammer mirror-stream", seconds_of(bare_s)),
            ("hammerd, following gear", seconds_of(ours_s)),
            ("ratio of the medians", f"{ratio:.0f}"),
        ],
    )


def _latencies(mirrors: Sequence[Mirror], name: str) -> list[float]:
    """Write to all mirrors and return the seconds that each slave took."""
    began = []
    for mirror in mirrors:
        began_at = time.monotonic()
        began.append((mirror, mirror.write_and_sync(name), began_at))
    ended: dict[str, float] = {}

    def all_committed() -> bool:
        for mirror, tid, began_at in began:
            if mirror.name not in ended and mirror.holds(tid):
                ended[mirror.name] = time.monotonic() - began_at
        return len(ended) == len(began)

    wait_until(all_committed, "the slaves follow", TURN_S)
    return [ended[mirror.name] for mirror in mirrors]
