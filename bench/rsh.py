"""Measures the start of hammerd-rsh, which runs for each launch of a half on another host."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.tables import milliseconds, print_table

ROUNDS = 40
SOURCE = Path(__file__).parents[1]
HALF = ("-l", "root", "office", "hammer", "-vv", "-2", "mirror-write", "/Backup2/pfs/home")
SSH = ["/usr/bin/true"]
"""Takes the place of ssh: what is measured is the time to its exec."""


def run() -> None:
    """Start each in turn and print the ratios to a bare Python."""
    half = {"to": "root@office", "ssh": SSH, "hammer": "hammer", "words": [], "guard": ""}
    env = {**os.environ, "HAMMERD_RSH": json.dumps({"pair": "home", "slave": half})}
    with tempfile.TemporaryDirectory() as prefix:
        commands = {
            "sh -c :": ["sh", "-c", ":"],
            "python -c pass": [sys.executable, "-c", "pass"],
            "hammerd-rsh": [str(_installed(Path(prefix))), *HALF],
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, words in commands.items():
                taken[name].append(_time(words, env))
    floor = median(taken["python -c pass"])
    rows = [
        (name, milliseconds(each), f"{median(each) / floor:.2f}") for name, each in taken.items()
    ]
    print_table("Start of hammerd-rsh, to the exec of ssh", ("", "median", "ratio"), rows)


def _installed(prefix: Path) -> Path:
    """Install it as `make install` does."""
    package, program = prefix / "lib/hammerd/hammerd", prefix / "libexec/hammerd-rsh"
    for path in (package, program):
        path.parent.mkdir(parents=True)
    package.symlink_to(SOURCE / "hammerd")
    words = [sys.executable, str(SOURCE / "etc/make-program.py"), "hammerd.rsh"]
    program.write_text(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    program.chmod(0o755)
    return program


def _time(words: list[str], env: dict[str, str]) -> float:
    began_at = time.perf_counter()
    subprocess.run(words, check=True, env=env, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began_at
