"""Measures `hammerd verify` beside `diff -r` and `rsync -nc`: two equal trees of 100,000 files.

Each program reads both trees whole, from memory, one program at a time; what differs later is one
byte, mode, owner, time, link target and hard link. Without rsync its rows are left out.
"""

import contextlib
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.supervised import HAMMERD
from bench.tables import print_table

FILES = 100_000
FILES_OF_A_DIRECTORY = 40
DIRECTORIES_OF_A_DIRECTORY = 12
MEDIAN_BYTES, SIGMA, MOST_BYTES = 2500, 1.7, 8 << 20
"""The sizes of files in a home directory: many small ones, and a few large ones."""

EVERY_LINK, EVERY_HARD_LINK = 100, 150
ROUNDS = 3
MEMORY, NEEDED_BYTES = "/dev/shm", 4 << 30
TID = "0x0000000100000001"
SLAVE_LINK = f"@@{TID}:00001"
OTHER_ID = 54321


@dataclass(frozen=True, slots=True)
class Trees:
    """Master and slave as of a TID, where hammerd looks for them, and its config."""

    root: Path

    @property
    def master(self) -> Path:
        """The tree of the master."""
        return self.root / "master" / f"@@{TID}"

    @property
    def slave(self) -> Path:
        """The tree of the slave, whose softlink is `slave`."""
        return self.root / SLAVE_LINK / f"@@{TID}"

    @property
    def config(self) -> Path:
        """A config of both."""
        return self.root / "hammerd.toml"

    def commands(self) -> dict[str, list[str]]:
        """Return the programs that compare both."""
        ends = [f"{self.master}/", f"{self.slave}/"]
        verify = [*HAMMERD, "verify", "data", "--json", "-c", str(self.config)]
        commands = {"hammerd verify": verify, "diff -r": ["diff", "-r", "--no-dereference", *ends]}
        if shutil.which("rsync"):
            commands["rsync -nc"] = ["rsync", "-ncaH", "--delete", "--itemize-changes", *ends]
        return commands


def run() -> None:
    """Compare equal trees in turn, then one with six differences once."""
    with _trees() as trees:
        size = _make(trees)
        commands = trees.commands()
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(ROUNDS + 1):
            for name, words in commands.items():
                took_s, output = _run(words)
                if number:  # the first reads the trees into memory
                    taken[name].append(took_s)
                assert name == "hammerd verify" or not output, output
        _damage(trees.slave)
        found = {name: _found(name, words) for name, words in commands.items()}
    _print(taken, found, size)


def _print(taken: Mapping[str, Sequence[float]], found: Mapping[str, str], size: int) -> None:
    diff_s = median(taken["diff -r"])
    rows = [
        (
            name,
            f"{median(each):.1f} s (worst {max(each):.1f}, n={len(each)})",
            f"{median(each) / diff_s:.2f}",
            found[name],
        )
        for name, each in taken.items()
    ]
    title = f"{FILES:,} files, {size / 2**20:,.0f} MiB at each end, in memory"
    print_table(title, ("", "median", "ratio to diff", "found"), rows)


@contextlib.contextmanager
def _trees() -> Iterator[Trees]:
    memory = os.statvfs(MEMORY) if os.access(MEMORY, os.W_OK) else None
    is_large = memory is not None and memory.f_bavail * memory.f_frsize > NEEDED_BYTES
    with tempfile.TemporaryDirectory(prefix="hb-", dir=MEMORY if is_large else "/tmp") as place:
        yield Trees(Path(place))


def _make(trees: Trees) -> int:
    """Make both trees and the config; return the bytes of one tree."""
    trees.master.mkdir(parents=True)
    trees.slave.parent.mkdir()
    (trees.root / "slave").symlink_to(SLAVE_LINK)
    size = _fill(trees.master)
    subprocess.run(["cp", "-a", trees.master, trees.slave], check=True)
    trees.config.write_text(
        f'[daemon]\nhammer = "/sbin/hammer"\nstate_dir = "{trees.root}/db"\n'
        f'run_dir = "{trees.root}/run"\nlog_file = "{trees.root}/log"\n'
        f'lag_log_file = "{trees.root}/lag"\n[pairs.data]\n'
        f'master = "{trees.root}/master"\nslave = "{trees.root}/slave"\n'
    )
    return size


def _fill(root: Path) -> int:
    chance = random.Random(1)
    content = chance.randbytes(MOST_BYTES + FILES)
    size = 0
    for number in range(FILES):
        path = _path(root, number)
        if number % FILES_OF_A_DIRECTORY == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        if number % EVERY_LINK == 1:
            path.symlink_to(f"{number - 1:06d}")
        elif number % EVERY_HARD_LINK == 2:
            path.hardlink_to(path.with_name(f"{number - 2:06d}"))
        else:
            length = min(int(chance.lognormvariate(0, SIGMA) * MEDIAN_BYTES), MOST_BYTES)
            path.write_bytes(content[number : number + length])
            size += length
    return size


def _path(root: Path, number: int) -> Path:
    directory = number // FILES_OF_A_DIRECTORY
    names = []
    while directory:
        directory, name = divmod(directory, DIRECTORIES_OF_A_DIRECTORY)
        names.append(f"d{name:02d}")
    return root.joinpath(*reversed(names), f"{number:06d}")


def _damage(tree: Path) -> None:
    """Change one byte, mode, owner, time, link target and hard link of a tree."""
    byte, mode, owner, changed, link, name = (
        _path(tree, FILES // 7 * nth // 600 * 600 + offset)
        for nth, offset in ((1, 10), (2, 10), (3, 10), (4, 10), (5, 1), (6, 2))
    )
    before = byte.stat()
    with byte.open("r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 1]))
    os.utime(byte, ns=(before.st_atime_ns, before.st_mtime_ns))
    mode.chmod(0o600 if mode.stat().st_mode & 0o777 != 0o600 else 0o644)
    if os.geteuid() == 0:
        os.chown(owner, OTHER_ID, -1)
    os.utime(changed, (0, changed.stat().st_mtime - 1))
    for path, replaces in ((link, _other_target), (name, _own_file)):
        parents, itself = path.parent.stat(), path.lstat()
        replaces(path)
        os.utime(path, ns=(0, itself.st_mtime_ns), follow_symlinks=False)
        os.utime(path.parent, ns=(0, parents.st_mtime_ns))


def _other_target(link: Path) -> None:
    target = f"{link.readlink()}x"
    link.unlink()
    link.symlink_to(target)


def _own_file(name: Path) -> None:
    data, before = name.read_bytes(), name.stat()
    name.unlink()
    name.write_bytes(data)
    name.chmod(before.st_mode & 0o777)


def _run(words: Sequence[str]) -> tuple[float, str]:
    began_at = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    took_s = time.perf_counter() - began_at
    if done.returncode not in (0, 1) or "Traceback" in done.stderr:
        raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")
    return took_s, done.stdout


def _found(name: str, words: Sequence[str]) -> str:
    output = _run(words)[1]
    if name != "hammerd verify":
        return str(len(output.splitlines()))
    by_kind = json.loads(output)["by_kind"]
    return f"{sum(by_kind.values())}: {', '.join(sorted(by_kind))}"
