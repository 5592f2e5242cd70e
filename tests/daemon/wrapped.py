"""A hammer that notes each call and does something before it runs the simulator."""

from pathlib import Path

from tests.daemon.world import World


def wrap(world: World, body: str = "") -> str:
    """Write a `hammer` that logs its words, runs some shell, and becomes the simulator's."""
    directory = world.root / "wrap"
    directory.mkdir(exist_ok=True)
    program = directory / "hammer"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {world.root}/calls\n{body}\nexec {world.hammer} "$@"\n'
    )
    program.chmod(0o755)
    return str(program)


def calls(world: World, verb: str) -> list[str]:
    """Return the command lines of all calls of a verb so far, for ends of this world.

    Streams of other tests may run on this machine, and are asked about once.
    """
    log = Path(world.root / "calls")
    lines = log.read_text().splitlines() if log.exists() else []
    return [line for line in lines if verb in line.split() and f"{world.root}/" in line]
