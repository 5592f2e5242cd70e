"""A mirrored pair on the simulator, and the config that names it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hammerd.core.tid import Tid, format_tid
from hammerd.simulator import admin
from tests.simulator.fixtures.machine import Machine


@dataclass(frozen=True)
class Mirror:
    """A pair on two disks: the softlinks, the master's files, and a config."""

    machine: Machine
    master: Path
    slave: Path
    live: Path
    config: Path

    def copy(self) -> int:
        """Flush and mirror; return the slave's TID."""
        admin.flush(self.machine.path("/Backup1"))
        done = self.machine.run([self.machine.hammer, "mirror-copy", self.master, self.slave])
        assert b"succeeded" in done.stderr, done.stderr
        return admin.sync_end_tid(self.slave)

    @property
    def tid(self) -> Tid:
        return Tid(admin.sync_end_tid(self.slave))

    @contextmanager
    def changed_slave(self, name: str) -> Iterator[Path]:
        """Replace a file of the slave's tree, by one with the same content and times."""
        path = (self.slave / f"@@{format_tid(self.tid)}" / name).resolve()
        times, of_directory, content = path.stat(), path.parent.stat(), path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        yield path
        os.utime(path, ns=(times.st_mtime_ns, times.st_mtime_ns))
        os.utime(path.parent, ns=(of_directory.st_mtime_ns, of_directory.st_mtime_ns))

    @property
    def state_dir(self) -> Path:
        return self.config.parent / "db"


def make_mirror(root: Path, kept: int = 4, pair_keys: str = "") -> Mirror:
    """Make a pair with a few files that was never mirrored."""
    machine = Machine(root, time_scale=100.0)
    master, slave = machine.master_and_slave()
    for number in (1, 2):
        admin.set_knob(machine.path(f"/Backup{number}"), "as_of", kept)
    live = machine.path("/Backup1/test")
    for name in ("a", "b", "c"):
        (live / name).mkdir()
        (live / name / "file").write_text(f"content of {name}")
    os.link(live / "a/file", live / "b/hard")
    (live / "symlink").symlink_to("nowhere")
    config = root / "hammerd.toml"
    config.write_text(_config(root, master, slave) + pair_keys)
    return Mirror(machine, master, slave, live, config)


def _config(root: Path, master: Path, slave: Path) -> str:
    keys = {
        "hammer": root / "sbin/hammer",
        "log_file": root / "log/hammerd.log",
        "lag_log_file": root / "log/lag.log",
        "state_dir": root / "db",
        "run_dir": root / "run",
    }
    lines = [f'{key} = "{value}"' for key, value in keys.items()]
    pair = ["[pairs.home]", f'master = "{master}"', f'slave = "{slave}"']
    return "\n".join(["[daemon]", *lines, *pair, ""])


def without_times(text: str) -> str:
    """Return the output of a verification without what differs from run to run."""
    return re.sub(r"0x[0-9a-f]{16}", "TID", re.sub(r"in \d+s", "in 0s", text))
