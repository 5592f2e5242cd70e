"""A world runs on one path here: the two differ only in how the exit of a process is noticed.

The scenarios of deaths and of the service run on both.
"""

import pytest

from tests.daemon.world import World


@pytest.fixture
def world(world_once: World) -> World:
    return world_once
