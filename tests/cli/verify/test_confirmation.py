"""A difference as of one TID is looked at again as of a later one."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.verify.confirmation import confirmed
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid, format_tid
from hammerd.core.verify.differences import OTHER_NAMES, Difference, Kind
from hammerd.core.verify.verified import Verified

TID, LATER = Tid(0x10), Tid(0x20)


def gone(path: Path) -> None:
    """Make what a kernel shows of a file whose history is not kept."""
    path.unlink()
    os.mkfifo(path, 0)
    path.chmod(0)
    os.utime(path, ns=(0, 0))


def changed(path: Path) -> None:
    path.write_text("other content")
    os.utime(path, ns=(1, 1))


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    for end in ("master", "slave"):
        tree = tmp_path / end / f"@@{format_tid(LATER)}"
        tree.mkdir(parents=True)
        for name in ("a", "b"):
            (tree / name).write_text("one content  ")
            os.utime(tree / name, ns=(1, 1))
    return Pair("home", Endpoint(str(tmp_path / "master")), Endpoint(str(tmp_path / "slave")))


def result(*differences: Difference) -> Verified:
    counts = {each.kind: 1 for each in differences}
    return Verified("home", "/m", "/s", TID, 0.0, 1.0, 2, 26, counts=counts, first=differences)


PRUNED, CONTENT = Difference(Kind.PRUNED, "a"), Difference(Kind.CONTENT, "b")


@pytest.mark.parametrize(
    ("change", "counts", "uncompared"),
    [(lambda _path: None, {}, 0), (changed, {Kind.CONTENT: 1}, 0), (gone, {}, 1)],
    ids=["it was pruned", "it is real", "no history is kept"],
)
def test_only_what_still_differs_counts(
    pair: Pair, change: Callable[[Path], None], counts: dict[Kind, int], uncompared: int
) -> None:
    change(Path(pair.master.path) / f"@@{format_tid(LATER)}/a")

    verified = confirmed(result(PRUNED, CONTENT), pair, LATER, 1)

    assert (verified.counts, verified.uncompared) == (counts, uncompared)
    assert verified.tid == TID


def test_nothing_is_certain_before_a_later_tid(pair: Pair) -> None:
    assert confirmed(result(CONTENT), pair, TID, 1) == result(CONTENT)
    with pytest.raises(CommandFailed, match="nothing certain"):
        confirmed(result(PRUNED, CONTENT), pair, TID, 1)


def test_what_is_lost_on_the_slave_is_certain_at_once(pair: Pair) -> None:
    lost = Difference(Kind.LOST, "c", "file", "none")

    verified = confirmed(result(PRUNED, CONTENT, lost), pair, TID, 1)

    assert (verified.counts, verified.first) == ({Kind.LOST: 1}, (lost,))


def test_what_pruning_does_not_cause_stays(pair: Pair) -> None:
    certain = (
        Difference(Kind.UNREADABLE, "a", "Input/output error", "readable"),
        Difference(Kind.LINKS, "b", OTHER_NAMES, "to others"),
    )

    verified = confirmed(result(*certain), pair, LATER, 1)

    assert verified.first == certain
