"""Hammers that are the simulator's but for some streams."""

import shlex
import sys
from pathlib import Path

from tests.daemon.world import World

HOSTS = Path(__file__).parent / "hosts"


def stand_in(world: World, before: str, *, pair: str = "test") -> Path:
    """Make a hammer that runs a line of shell before it starts the streams of a pair."""
    place = world.root / "stand-in"
    place.mkdir()
    hammer = place / "hammer"
    hammer.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *mirror-stream*/pfs/{pair}) {before} ;; esac\n'
        f'exec {world.hammer} "$@"\n'
    )
    hammer.chmod(0o755)
    return hammer


def odd_stream(world: World, way: str, *, pair: str = "test") -> Path:
    """Make a hammer whose streams of a pair are odd (hosts/odd_stream.py); see odd_file()."""
    words = (sys.executable, "-IS", HOSTS / "odd_stream.py", way, odd_file(world))
    program = shlex.join(map(str, words))
    return stand_in(world, f'exec {program} "$@"', pair=pair)


def odd_file(world: World) -> Path:
    """Return the file that changes what an odd stream does once it is there."""
    return world.root / "odd"


def deaf_hammer(world: World) -> Path:
    """Make a hammer that ignores TERM, and whose processes show its own path in their words."""
    place = world.root / "deaf"
    place.mkdir()
    hammer = place / "hammer"
    last = "from hammerd.simulator.main"
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    text = world.hammer.read_text()
    assert last in text
    hammer.write_text(text.replace(last, f"{ignore}\n{last}"))
    hammer.chmod(0o755)
    return hammer
