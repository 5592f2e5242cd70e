"""A machine with two simulated file systems, and `hammerd doctor` in this process."""

from pathlib import Path

import pytest

from hammerd.cli.doctor.system import machine
from tests.cli.doctor.patient import Patient
from tests.cli.machine_disks import MachineDisks


@pytest.fixture
def patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Patient:
    """Return a machine on which all is well, until a test breaks something."""
    disks = MachineDisks(tmp_path / "host")
    found = Patient(disks, capsys)
    monkeypatch.setattr(machine, "FILES_HERE", found.files)
    return found
