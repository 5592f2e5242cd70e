"""A machine for each test, and the watch that nothing of it is left running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator.machine import Machine

TIME_SCALE = 50.0


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path, time_scale=TIME_SCALE)
    yield machine
    machine.close()
