"""A machine with two simulated file systems, and `hammerd doctor` in this process."""

from pathlib import Path

import pytest

from hammerd.cli.doctor.system import machine
from tests.cli.doctor.patient import Patient
from tests.cli.machine_disks import MachineDisks


@pytest.fixture(scope="module")
def pair_on_disks(tmp_path_factory: pytest.TempPathFactory) -> tuple[MachineDisks, Path, Path]:
    """Return two file systems with a master and its slave, which no test changes."""
    disks = MachineDisks(tmp_path_factory.mktemp("host"))
    master = disks.master("a")
    return disks, master, disks.slave(master, "a")


@pytest.fixture
def patient(
    pair_on_disks: tuple[MachineDisks, Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Patient:
    """Return a machine on which all is well, until a test breaks something."""
    found = Patient(*pair_on_disks, capsys)
    monkeypatch.setattr(machine, "FILES_HERE", found.files)
    return found
