"""Gives each test a machine and checks that no process of it is left running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator.fixtures.machine import Machine

TIME_SCALE = 50.0


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path, time_scale=TIME_SCALE)
    yield machine
    machine.close()
