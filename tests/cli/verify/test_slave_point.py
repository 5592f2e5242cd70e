"""A verification goes on only with the slave that it began with."""

from pathlib import Path

from hammerd.cli.verify.slave_point import slave_disk
from hammerd.core.pairs import Endpoint, Pair


def test_a_slave_that_was_made_anew_is_another(tmp_path: Path) -> None:
    softlink, place = tmp_path / "pfs", tmp_path / "home"
    place.symlink_to("pfs")
    found = []
    for text in ("@@0x0000000000000007:00001", "@@0x0000000000000009:00001", "@@-1:00002"):
        softlink.symlink_to(text)
        found.append(slave_disk(Pair("home", Endpoint("/m"), Endpoint(str(place)))))
        softlink.unlink()

    first, later, anew = found
    assert first == later != anew
    assert anew.endswith(":2")
