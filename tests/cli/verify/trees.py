"""Trees of files on any file system, and their comparison without processes."""

import io
import os
import tempfile
from pathlib import Path

from hammerd.cli.verify.end_output import print_tree
from hammerd.cli.verify.session import Session, Task
from hammerd.core.verify.comparison import Comparison
from hammerd.core.verify.differences import Tally
from hammerd.core.verify.entries import END, TICK
from hammerd.core.verify.request import EndRequest

TIME_NS = 1_700_000_000_000_000_000


def make_tree(root: Path, files: int) -> None:
    """Make a tree of small files, 100 in a directory, with links, a FIFO and an odd name."""
    for number in range(files):
        directory = root / f"d{number // 100:04d}"
        if number % 100 == 0:
            directory.mkdir(parents=True)
        (directory / f"f{number:06d}").write_bytes(b"%d" % number * (number % 97 + 1))
    (root / "deep/er/est").mkdir(parents=True)
    os.link(root / "d0000/f000001", root / "deep/er/hard")
    (root / "deep/symlink").symlink_to("../nowhere")
    os.mkfifo(root / "deep/fifo")
    Path(os.fsdecode(bytes(root / "deep/er") + b"/\xff\n")).write_text("odd")
    settle_times(root)


def settle_times(root: Path) -> None:
    """Give everything one time."""
    for place, names, files in os.walk(root, topdown=False):
        for name in (*names, *files):
            os.utime(Path(place) / name, ns=(TIME_NS, TIME_NS), follow_symlinks=False)
    os.utime(root, ns=(TIME_NS, TIME_NS))


def lines_of(root: Path, request: EndRequest | None = None) -> list[bytes]:
    """Return the lines of a tree, without its end."""
    out = io.BytesIO()
    print_tree(str(root), request or EndRequest(), out)
    *lines, end = (line for line in out.getvalue().splitlines(True) if line[0] != TICK)
    assert end[0] == END
    return lines


def compare(
    master: Path, slave: Path, request: EndRequest | None = None
) -> tuple[Tally, list[str]]:
    """Return what two trees differ in, and `kind path` of each difference."""
    ends = (iter(lines_of(root, request)) for root in (master, slave))
    with tempfile.TemporaryDirectory() as directory:
        session = Session(Path(directory) / "links.db")
        session.begin(Task("m", "s", "0x10", ""))
        comparison, tally = Comparison(*ends, session.links), Tally()
        _sum(comparison, tally)
        session.close()
    return tally, [f"{each.kind} {each.path}" for each in tally.first]


def _sum(comparison: Comparison, tally: Tally) -> None:
    while (compared := comparison.step()) is not None:
        tally.entries += compared.entries
        tally.size += compared.size
        tally.add(compared.differences)
