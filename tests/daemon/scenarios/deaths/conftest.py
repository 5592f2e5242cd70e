from collections.abc import Iterator

import pytest

from tests.daemon.conftest import a_world
from tests.daemon.world import World


@pytest.fixture(params=["shortcuts", "portable"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world for one test, twice: with the system's shortcuts and on the portable path."""
    env = {"HAMMERD_PORTABLE": "1"} if request.param == "portable" else {}
    with a_world(env) as world:
        yield world
