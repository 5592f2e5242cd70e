"""Of slaves that take turns the one that holds most is promoted."""

from pathlib import Path

import pytest

from hammerd.cli.check.present_slave import with_newest_slave
from hammerd.core.pairs import Endpoint, Pair, Rotation


def make_link(path: Path, text: str) -> None:
    if text:
        path.symlink_to(text)


SLAVE, NEWER, MASTER = (
    "@@0x0000000000000050:00001",
    "@@0x0000000000000060:00001",
    "@@-1:00001",
)


@pytest.mark.parametrize(
    ("links", "chosen"),
    [
        ((SLAVE, NEWER), "b"),
        ((NEWER, SLAVE), "a"),
        (("", SLAVE), "b"),
        ((SLAVE, ""), "a"),
        ((MASTER, NEWER), "a"),
        (("", ""), "a"),
        (("/nowhere", SLAVE), "b"),
    ],
)
def test_newest_slave_that_is_there_is_found(
    tmp_path: Path, links: tuple[str, str], chosen: str
) -> None:
    paths = tuple(tmp_path / name for name in "ab")
    for path, text in zip(paths, links, strict=True):
        make_link(path, text)
    rotation = Rotation(takes_turns=True, paths=tuple(map(str, paths)))
    pair = Pair("home", Endpoint("/m"), Endpoint(str(paths[0])), rotate=rotation)

    assert with_newest_slave(pair).slave == Endpoint(str(tmp_path / chosen))
