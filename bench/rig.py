"""File systems and PFSs in the simulator for all benchmarks, and their removal."""

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hammerd.cli.demo.streams import StreamGroup, end_processes_below, running_streams
from hammerd.simulator import admin

PATIENCE_S = 60.0
FILE_BYTES = 1000
DELAY_S = 5
"""hammer's own default, and hammerd's."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """A master and its slave by their PFS links, and the root of the master's file system.

    An end on another host has a `[user@]host:`; `keys` are the lines of the config for it.
    """

    name: str
    root: Path
    pfs_id: int
    master: Path
    slave: Path
    master_host: str = ""
    slave_host: str = ""
    keys: str = ""

    def write(self) -> int:
        """Write a small file to the master, flush, and return the flush TID."""
        return admin.write(self.root, self.pfs_id, FILE_BYTES)

    def write_and_sync(self, name: str) -> int:
        """Write a small file to the master, sync, and return the TID that covers its content."""
        (self.master / name).write_bytes(bytes(FILE_BYTES))
        return admin.flush(self.root)

    def holds(self, tid: int) -> bool:
        """Return whether the slave has committed a TID."""
        return admin.sync_end_tid(self.slave) >= tid

    @property
    def ends(self) -> tuple[str, str]:
        """Return master and slave as hammer and a config name them."""
        return f"{self.master_host}{self.master}", f"{self.slave_host}{self.slave}"

    def stream_words(self, hammer: Path, *options: str) -> list[str]:
        """Return the command of its mirror-stream."""
        return [str(hammer), *options, "mirror-stream", *self.ends]

    def table(self) -> str:
        """Return the table of its pair in a config."""
        master, slave = self.ends
        return f'[pairs.{self.name}]\nmaster = "{master}"\nslave = "{slave}"\n{self.keys}'


class Rig:
    """A directory with a hammer and the mirrors of a benchmark.

    `in_steps`: the masters' file systems publish a flush in steps, as a kernel does.
    """

    def __init__(self, root: Path, *, in_steps: bool = False) -> None:
        self.root = root
        self._in_steps = in_steps
        self.hammer = admin.install(root / "bin")
        self._made = 0

    def on_own_file_systems(self, count: int) -> list[Mirror]:
        """Make mirrors that share no file system, so a write wakes one stream only."""
        return [mirror for _ in range(count) for mirror in self.on_one_file_system(1)]

    def on_one_file_system(self, count: int) -> list[Mirror]:
        """Make mirrors that share both file systems."""
        self._made += 1
        place = self.root / f"w{self._made}"
        for number in (1, 2):
            label = f"Backup{number}"
            admin.new_file_system(place / label, label, tid_base=number << 32)
        mirrors = [self._mirror(place, f"w{self._made}n{index}") for index in range(count)]
        if self._in_steps:
            admin.publish_in_steps(place / "Backup1")
        return mirrors

    def streams(self) -> tuple[StreamGroup, ...]:
        """Return all running streams."""
        return running_streams(self.hammer)

    def _mirror(self, place: Path, name: str) -> Mirror:
        master, slave = place / "Backup1" / name, place / "Backup2" / name
        created = self._hammer("pfs-master", master)
        pfs_id = int(created.split("PFS#", 1)[1].split("\t", 1)[0])
        self._hammer("pfs-slave", slave, f"shared-uuid={admin.shared_uuid(master)}")
        mirror = Mirror(name, place / "Backup1", pfs_id, master, slave)
        mirror.write()
        return mirror

    def _hammer(self, *words: str | Path) -> str:
        run = [str(self.hammer), *map(str, words)]
        return subprocess.run(run, check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def rig(*, in_steps: bool = False) -> Iterator[Rig]:
    """Make a rig; end its processes and remove its files afterwards."""
    with tempfile.TemporaryDirectory(prefix="hb-", dir="/tmp") as directory:
        try:
            yield Rig(Path(directory), in_steps=in_steps)
        finally:
            end_processes_below(Path(directory))


def wait_until(
    is_so: Callable[[], bool], what: str, turn_s: float = 0.05, patience_s: float = PATIENCE_S
) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come true.
    """
    deadline_at = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > deadline_at:
            raise TimeoutError(what)
        time.sleep(turn_s)
