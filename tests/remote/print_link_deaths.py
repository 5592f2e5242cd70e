"""Prints how long each death of a link goes unnoticed with hammerd's own limits of time.

    .venv/bin/python -m tests.remote.print_link_deaths

The times are those of the table in docs/remote.md: from the launch, or from the death of a link
that worked, to the line of the log that says what the pair does next.
"""

import time
from contextlib import ExitStack
from datetime import datetime

from tests.daemon.world import World
from tests.remote.link_deaths import DEATHS, Scene, add_all
from tests.remote.remote_world import a_remote_world

LONGEST_S = 75.0
"""A launch that says nothing ends after launch_timeout, which is a minute."""


def main() -> None:
    with a_remote_world() as remote, ExitStack() as stack:
        remote.add_host()
        scene = Scene(remote, stack, options=())
        add_all(scene)
        scene.keys["silent_login"].pop("launch_timeout")
        near = remote.near
        near.start(near.configure(scene.pairs, scene.keys, backoff_max="60s"))
        for name in ("alive", *scene.kills):
            near.wait_until_following(name)
        killed = {}
        for name, kill in scene.kills.items():
            killed[name] = time.time()
            kill()
        time.sleep(LONGEST_S)
        for name in DEATHS:
            line = line_of(near, name, killed.get(name))
            print(f"{name:18}", line)  # noqa: T201 - it is what this file is for


def line_of(near: World, pair: str, killed_at: float | None) -> str:
    """Return the time to notice of a pair, and the line of the log that shows it."""
    lines = [line for line in near.log().splitlines() if f"pair={pair} " in f"{line} "]
    starts = [one for one in lines if "pair.launching" in one] or lines
    began = killed_at or moment(starts[0])
    ends = ("pair.stopping", "pair.waiting", "pair.parked")
    for line in lines:
        if moment(line) >= began and any(end in line for end in ends):
            return f"{moment(line) - began:6.2f} s  {line[25:]}"
    return f"not in {LONGEST_S} s"


def moment(line: str) -> float:
    return datetime.fromisoformat(line.split()[0]).timestamp()


if __name__ == "__main__":
    main()
