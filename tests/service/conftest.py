import shutil
from collections.abc import Iterator

import pytest

from tests.daemon.conftest import a_world
from tests.daemon.world import World
from tests.service.service import Service

SHELLS = (
    pytest.param(
        ("dash",),
        id="dash",
        marks=pytest.mark.skipif(shutil.which("dash") is None, reason="no dash here"),
    ),
    pytest.param(
        ("bash", "--posix"),
        id="bash",
        marks=pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here"),
    ),
)


@pytest.fixture
def world_once() -> Iterator[World]:
    with a_world({}) as world:
        yield world


@pytest.fixture(params=SHELLS)
def service(request: pytest.FixtureRequest, world_once: World) -> Service:
    """A service that was never started, with each shell."""
    return Service(world_once, request.param)


@pytest.fixture
def started(service: Service) -> Service:
    """A service whose daemon runs."""
    service.does("start")
    return service


@pytest.fixture
def mirroring(service: Service) -> Service:
    """A service whose daemon has one pair that streams, with both halves idle."""
    world = service.world
    pair = world.make_pair()
    world.write("first", "first\n")
    world.configure({"test": pair})
    service.does("start")
    world.wait_until_following()
    world.wait_until_idle()
    return service
