import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon.world import World


@contextmanager
def a_world(env: dict[str, str]) -> Iterator[World]:
    # Short, because a Unix socket's path is at most 104 bytes.
    root = Path(tempfile.mkdtemp(prefix="hammerd-"))
    world = World(root, env)
    world.make()
    try:
        yield world
    finally:
        world.clean_up()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def world_once() -> Iterator[World]:
    """A world with the system's shortcuts."""
    with a_world({}) as world:
        yield world


@pytest.fixture
def world(world_once: World) -> World:
    """A world for one test; scenarios/deaths has it twice, once on the portable path."""
    return world_once


@pytest.fixture
def mirrored(world: World) -> World:
    """A world with one pair that streams in following gear."""
    world.mirror()
    return world


@pytest.fixture
def paired(world_once: World) -> World:
    """A world with a master and a slave, and a config; no daemon runs."""
    world_once.configure({"test": world_once.make_pair()})
    return world_once
