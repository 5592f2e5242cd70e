"""Makes a `hammer` that logs each call and runs some shell before the simulator."""

from pathlib import Path

from tests.daemon.world import World


def wrap(world: World, body: str = "") -> str:
    """Write a `hammer` that logs its arguments, runs some shell, then the simulator."""
    directory = world.root / "wrap"
    directory.mkdir(exist_ok=True)
    program = directory / "hammer"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {world.root}/calls\n{body}\nexec {world.hammer} "$@"\n'
    )
    program.chmod(0o755)
    return str(program)


def calls(world: World, verb: str) -> list[str]:
    """Return the command lines of all calls of a verb so far, for endpoints of this world.

    hammerd may also call it once for streams of other tests on this machine.
    """
    log = Path(world.root / "calls")
    lines = log.read_text().splitlines() if log.exists() else []
    return [line for line in lines if verb in line.split() and f"{world.root}/" in line]
