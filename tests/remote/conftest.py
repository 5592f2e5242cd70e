from collections.abc import Iterator

import pytest

from tests.remote.remote_world import RemoteWorld, a_remote_world


@pytest.fixture
def remote() -> Iterator[RemoteWorld]:
    """A near host and a far one with an sshd on the loopback."""
    with a_remote_world() as world:
        world.add_host()
        yield world
