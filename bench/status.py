"""Measures the time of `hammerd status` and of a bare Python."""

import subprocess
import sys
import time
from statistics import median

from bench.rig import rig
from bench.supervised import HAMMERD, Hammerd
from bench.tables import milliseconds, print_table

ROUNDS = 20


def run() -> None:
    """Measure the commands in turn and print their ratio to the bare interpreter."""
    with rig() as here:
        daemon = Hammerd(here, "hammerd", here.on_one_file_system(10), here.hammer)
        daemon.wait_until_idle(up_s=0)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import click'": [sys.executable, "-c", "import click"],
            "hammerd status, 10 pairs": [*HAMMERD, "--run-dir", str(daemon.run_dir), "status"],
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, words in commands.items():
                taken[name].append(_time(words))
    floor = median(taken["python -c pass"])
    rows = [
        (name, milliseconds(each), f"{median(each) / floor:.1f}") for name, each in taken.items()
    ]
    print_table("Start of the status command", ("", "median", "ratio"), rows)


def _time(words: list[str]) -> float:
    began_at = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began_at
