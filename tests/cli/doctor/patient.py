"""A machine for the doctor: what it mounts, starts at boot, runs and has in its kernel log.

Its files and the programs that list mounts, processes and messages are real ones in a directory.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hammerd.cli.doctor.system.machine import Files
from hammerd.cli.main import main
from tests.cli.machine_disks import MachineDisks
from tests.cli.promises import is_promised, leaves


@dataclass(frozen=True)
class Examined:
    """What `hammerd doctor --json` told."""

    code: int
    lines: tuple[Mapping[str, str | None], ...]

    def label(self, line: Mapping[str, str | None]) -> str:
        return " ".join(filter(None, (line["end"], line["check"])))

    @property
    def bad(self) -> list[str]:
        """The labels of all bad lines."""
        return [self.label(line) for line in self.lines if line["outcome"] == "bad"]

    @property
    def first_bad(self) -> Mapping[str, str | None]:
        return next(line for line in self.lines if line["outcome"] == "bad")

    @property
    def not_tried(self) -> list[str]:
        return [self.label(line) for line in self.lines if line["outcome"] == "not_tried"]

    def line(self, label: str) -> Mapping[str, str | None]:
        (found,) = (line for line in self.lines if self.label(line) == label)
        return found


@dataclass
class Patient:
    """A machine whose master and slave are a pair, and what the doctor finds there."""

    disks: MachineDisks
    master: Path
    slave: Path
    capsys: pytest.CaptureFixture[str]
    rest: str = ""
    files: Files = field(init=False)

    def __post_init__(self) -> None:
        root = self.disks.root
        self.files = Files(
            str(root / "fstab"),
            (str(root / "crontab"), str(root / "root.crontab")),
            *(("cat", str(root / name)) for name in ("dmesg", "mount", "ps")),
        )
        mounts = "".join(f"B{n} on {self.disks.fs(n)} (hammer, local)\n" for n in (1, 2))
        self.write("mount", f"ROOT on / (hammer, local)\n{mounts}")
        self.write(
            "fstab",
            "# Device Mountpoint FStype Options Dump Pass\n"
            + "".join(f"/dev/da{n} {self.disks.fs(n)} hammer rw 2 2\n" for n in (1, 2)),
        )
        self.write("crontab", "0 2 * * * root periodic daily\n")
        self.write("root.crontab", "")
        self.write("dmesg", "HAMMER(Backup1) mounted clean, no recovery needed\n")
        self.write("ps", "    1 /sbin/init\n")

    def write(self, name: str, text: str) -> None:
        (self.disks.root / name).write_text(text)

    def examine(
        self,
        master: object = None,
        slave: object = None,
        daemon: str = "",
        code: int | None = None,
    ) -> Examined:
        """Run the doctor on a pair."""
        config = self.disks.config(
            master or self.master,
            slave or self.slave,
            f'run_dir = "{self.disks.root}/run"\nstate_dir = "{self.disks.root}/db"\n{daemon}',
            self.rest,
        )
        return run_doctor(config, self.capsys)


def run_doctor(config: Path, capsys: pytest.CaptureFixture[str]) -> Examined:
    """Run `hammerd doctor --json` in this process."""
    code = main(["doctor", "--json", "-c", str(config)])
    out, err = capsys.readouterr()
    answer = json.loads(out)

    assert err == ""
    assert next(iter(answer.items())) == ("schema_version", 1)
    assert [leaf for leaf in leaves(answer) if not is_promised(*leaf)] == []
    found = Examined(code, tuple(answer["lines"]))
    assert found.code == (1 if found.bad else 0)
    return found
