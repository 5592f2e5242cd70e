"""Makes `hammer` programs that run the simulator, except for some streams."""

import shlex
import sys
from pathlib import Path

from tests.daemon.world import World

HOSTS = Path(__file__).parent / "hosts"


def stand_in(world: World, before: str, *, pair: str = "test") -> Path:
    """Make a hammer that runs a shell command before it starts the streams of a pair."""
    directory = world.root / "stand-in"
    directory.mkdir()
    hammer = directory / "hammer"
    hammer.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *mirror-stream*/pfs/{pair}) {before} ;; esac\n'
        f'exec {world.hammer} "$@"\n'
    )
    hammer.chmod(0o755)
    return hammer


def odd_stream(world: World, kind: str, *, pair: str = "test") -> Path:
    """Make a hammer that runs hosts/odd_stream.py as the streams of a pair; see odd_file()."""
    argv = (sys.executable, "-IS", HOSTS / "odd_stream.py", kind, odd_file(world))
    program = shlex.join(map(str, argv))
    return stand_in(world, f'exec {program} "$@"', pair=pair)


def odd_file(world: World) -> Path:
    """Return the file that changes what an odd stream does as soon as it exists."""
    return world.root / "odd"


def hammer_that_ignores_term(world: World) -> Path:
    """Make a hammer that ignores TERM, and whose path is in its processes' command lines."""
    directory = world.root / "ignores-term"
    directory.mkdir()
    hammer = directory / "hammer"
    import_line = "from hammerd.simulator.main"
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    text = world.hammer.read_text()
    assert import_line in text
    hammer.write_text(text.replace(import_line, f"{ignore}\n{import_line}"))
    hammer.chmod(0o755)
    return hammer
