"""A near host and a far one for the doctor, and what it finds on the way between them."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hammerd.cli.doctor.system.machine import Files
from hammerd.cli.main import main
from tests.cli.doctor.patient import Examined, run_doctor
from tests.remote import sshd
from tests.remote.remote_world import FarHost, RemoteWorld

LISTINGS = {
    "mount": "ROOT on / (hammer, local)\n",
    "dmesg": "HAMMER(ROOT) recovery complete\n",
    "ps": "    1 /sbin/init\n",
    "fstab": "",
    "crontab": "",
}


@dataclass
class FarPatient:
    """The hosts of a world, and the doctor on the near one."""

    world: RemoteWorld
    capsys: pytest.CaptureFixture[str]

    @property
    def far(self) -> FarHost:
        return self.world.far

    def files(self, root: Path) -> Files:
        """Write what a host mounts, runs and logs; return where it is."""
        for name, text in LISTINGS.items():
            (root / name).write_text(text)
        shown = (("cat", str(root / name)) for name in ("dmesg", "mount", "ps"))
        return Files(str(root / "fstab"), (str(root / "crontab"),), *shown)

    def far_path(self, ends: tuple[object, object]) -> str:
        """Return the path of the end on the far host."""
        (operand,) = (str(end) for end in ends if ":" in str(end))
        return operand.partition(":")[2]

    def allow_ssh_remote(self, name: str, verbs: str, prefix: str) -> Path:
        """Make a key that `hammer ssh-remote` restricts."""
        command = f"{self.far.disks.hammer} ssh-remote {verbs} {prefix}"
        return self.far.sshd.allow(name, command, "restrict")

    def allow_as_printed(self, name: str, ends: tuple[object, object]) -> dict[str, object]:
        """Make a key and allow it by the line that hammerd prints; return the pair's keys."""
        identity = self.far.sshd.root / name
        sshd.make_key(identity)
        hammer = str(self.far.disks.hammer)
        keys = {**self.far.keys(identity), "remote_hammer": hammer}
        config = self.world.near.configure({"test": ends}, {"test": keys})
        assert main(["authorized-keys", "-c", str(config), "test"]) == 0
        with (self.far.sshd.root / "authorized_keys").open("a") as file:
            file.write(self.capsys.readouterr().out)
        return keys

    def make_key(self, path: Path) -> None:
        """Make a key that the far host does not accept."""
        sshd.make_key(path)

    def fingerprint(self) -> str:
        argv = [str(sshd.program("ssh-keygen")), "-lf", f"{self.far.sshd.root}/host_key.pub"]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[1]

    @contextmanager
    def far_program(self, name: str, script: str) -> Iterator[None]:
        """Put a program before that of the far system."""
        file = self.far.disks.root / "bin" / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        yield
        file.unlink()

    @contextmanager
    def far_file(self, name: str, text: str) -> Iterator[None]:
        """Change what the far host mounts or logs."""
        file = self.far.disks.root / name
        file.write_text(text)
        yield
        file.write_text(LISTINGS[name])

    def examine(self, master: object, slave: object, **keys: object) -> Examined:
        """Run the doctor on a pair; `keys` change those that lead to the far host."""
        return self.examine_pairs({"test": (master, slave)}, keys)

    def examine_pairs(
        self, pairs: Mapping[str, tuple[object, object]], keys: Mapping[str, object] | None = None
    ) -> Examined:
        given = {**self.far.keys(), **(keys or {})}
        config = self.world.near.configure(pairs, dict.fromkeys(pairs, given))
        return run_doctor(config, self.capsys)
