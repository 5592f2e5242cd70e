"""A PFS as of a TID, and damage that no TID shows."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from hammerd.simulator import admin
from tests.simulator.fixtures.machine import Machine


@pytest.fixture
def ends(machine: Machine) -> tuple[Path, Path]:
    """Return a mirrored pair with a file, a directory, a symlink and a hard link."""
    ends = machine.master_and_slave()
    for number in (1, 2):
        admin.set_knob(machine.path(f"/Backup{number}"), "as_of", 2)
    live = machine.path("/Backup1/test")
    (live / "file").write_text("first")
    (live / "dir").mkdir()
    (live / "dir/inner").write_text("inner")
    os.link(live / "file", live / "dir/link")
    (live / "symlink").symlink_to("file")
    os.utime(live, ns=(1, 10**18))
    _copy(machine, ends)
    return ends


def _copy(machine: Machine, ends: tuple[Path, Path]) -> int:
    """Flush and mirror; return the slave's TID."""
    admin.flush(machine.path("/Backup1"))
    done = machine.run([machine.hammer, "mirror-copy", *ends])
    assert b"succeeded" in done.stderr
    return admin.sync_end_tid(ends[1])


def _as_of(path: Path, tid: int) -> Path:
    return path / f"@@{tid:#018x}"


def _tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Return type, mode, owner, mtime, names of the same file, and content of each file."""
    root = root.resolve()
    walked = [(Path(place), [*names, *files]) for place, names, files in os.walk(root)]
    paths = [place / name for place, names in walked for name in names]
    named = {str(path.relative_to(root)): path for path in [root, *paths]}
    return {
        name: (*_attributes(path.lstat()), _links(path, named), _content(path))
        for name, path in named.items()
    }


def _attributes(found: os.stat_result) -> tuple[int, ...]:
    size = 0 if stat.S_ISDIR(found.st_mode) else found.st_size
    return (found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, size)


def _links(path: Path, named: dict[str, Path]) -> list[str]:
    return sorted(
        name for name, other in named.items() if other.lstat().st_ino == path.lstat().st_ino
    )


def _content(path: Path) -> object:
    if path.is_symlink():
        return os.readlink(path)
    return path.read_bytes() if path.is_file() else None


def test_both_ends_are_equal_as_of_the_slaves_tid(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    tid, live = admin.sync_end_tid(ends[1]), machine.path("/Backup1/test")
    (live / "file").write_text("second")
    admin.flush(machine.path("/Backup1"))

    tree = _tree(_as_of(ends[0], tid))

    assert tree == _tree(_as_of(live, tid)) == _tree(_as_of(ends[1], tid))
    assert tree["dir/link"][-2:] == (["dir/link", "file"], b"first")
    assert (live / "file").read_text() == "second"


def test_trees_of_other_tids_are_no_part_of_the_tree(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    live = machine.path("/Backup1/test")

    assert admin.flush(machine.path("/Backup1")) == admin.flush(machine.path("/Backup1"))
    assert live.stat().st_mtime_ns == ends[1].stat().st_mtime_ns == 10**18
    tid = _copy(machine, ends)
    assert [name for name in _tree(_as_of(ends[1], tid)) if "@@" in name] == []


def test_last_trees_are_kept_at_both_ends(machine: Machine, ends: tuple[Path, Path]) -> None:
    tids = [admin.sync_end_tid(ends[1])]
    for text in ("second", "third"):
        (machine.path("/Backup1/test") / "file").write_text(text)
        tids.append(_copy(machine, ends))

    for end in ends:
        shown = [name for name in os.listdir(end) if name.startswith("@@")]
        assert sorted(shown) == [f"@@{tid:#018x}" for tid in tids[1:]]
        assert [(_as_of(end, tid) / "file").read_text() for tid in tids[1:]] == ["second", "third"]


def test_null_mount_of_a_slave_shows_its_tid(machine: Machine, ends: tuple[Path, Path]) -> None:
    place = machine.path("/Backup2/mounted")
    place.mkdir()
    admin.mount_null(ends[1], place)
    tid = admin.sync_end_tid(ends[1])

    assert _tree(_as_of(place, tid)) == _tree(_as_of(ends[1], tid))


def test_roles_change_with_trees_shown(machine: Machine, ends: tuple[Path, Path]) -> None:
    tid = admin.sync_end_tid(ends[1])
    shutil.rmtree(machine.path("/Backup1/test/dir"))
    for command, end in (("pfs-downgrade", ends[0]), ("pfs-upgrade", ends[1])):
        assert machine.run([machine.hammer, command, end]).returncode == 0

    downgraded = admin.sync_end_tid(ends[0])
    assert "dir" not in _tree(_as_of(ends[0], downgraded))
    assert _tree(_as_of(ends[0], tid)) == _tree(_as_of(ends[1], tid))


def test_tree_can_be_shown_and_forgotten(machine: Machine, ends: tuple[Path, Path]) -> None:
    tid = admin.sync_end_tid(ends[1])
    admin.set_knob(machine.path("/Backup1"), "as_of", None)
    (machine.path("/Backup1/test") / "file").unlink()
    later = _copy(machine, ends)

    assert not _as_of(ends[0], later).exists()
    assert os.listdir(admin.show_as_of(ends[0], later)) != os.listdir(_as_of(ends[0], tid))
    admin.forget_as_of(ends[0], tid)
    assert not _as_of(ends[0], tid).exists()
    admin.forget_as_of(ends[0])
    assert [name for name in os.listdir(ends[0]) if name.startswith("@@")] == []
    with pytest.raises(ValueError, match="had no root directory"):
        admin.show_as_of(ends[0], 1)


def test_pruned_tree_lacks_what_was_deleted_and_shows_fifos(
    machine: Machine, ends: tuple[Path, Path]
) -> None:
    tid = admin.sync_end_tid(ends[1])
    (machine.path("/Backup1/test") / "dir/inner").unlink()
    (machine.path("/Backup1/test") / "file").write_text("second")
    admin.flush(machine.path("/Backup1"))

    admin.prune_everything(ends[0])

    before, pruned = _tree(_as_of(ends[1], tid)), _tree(_as_of(ends[0], tid))
    assert before.keys() - pruned.keys() == {"dir/inner"}
    assert {name for name in pruned if pruned[name][:4] == (stat.S_IFIFO, 0, 0, 0)} == {
        *("dir/link", "file")
    }
    assert {name for name in pruned if pruned[name] == before[name]} == {".", "dir", "symlink"}
    _copy(machine, ends)
    assert sorted(os.listdir(ends[1] / "dir")) == ["link"]


@pytest.mark.parametrize(
    ("what", "name"),
    [
        *(("byte", "dir/inner"), ("mode", "dir/inner"), ("mtime", "dir"), ("size", "file")),
        *(("target", "symlink"), ("hard link", "dir/link"), ("removed", "dir")),
        *(("renamed", "dir/inner"), ("owner", "file"), ("group", "dir")),
    ],
)
def test_damage_of_a_slave_moves_no_tid_and_stays(
    machine: Machine, ends: tuple[Path, Path], what: str, name: str
) -> None:
    if what in ("owner", "group") and os.geteuid() != 0:
        pytest.skip("needs root")
    before = _tree(_as_of(ends[1], admin.sync_end_tid(ends[1])))
    admin.damage_slave(ends[1], name, what)
    tid = admin.sync_end_tid(ends[1])
    damaged = _tree(_as_of(ends[1], tid))

    assert damaged != before == _tree(_as_of(ends[0], tid))
    (machine.path("/Backup1/test") / "more").write_text("more")
    later = _tree(_as_of(ends[1], _copy(machine, ends)))
    changed = {key for key in {*before, *damaged} if before.get(key) != damaged.get(key)}
    # Mirroring deletes the inode of a file that only the slave has.
    changed -= {"dir/link"} if what == "hard link" else set()
    assert {key: later.get(key) for key in changed} == {key: damaged.get(key) for key in changed}


def test_impossible_damage_is_refused(ends: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match="no damage smell: there are byte, "):
        admin.damage_slave(ends[1], "file", "smell")
    with pytest.raises(ValueError, match="dir/x is no file of this PFS"):
        admin.damage_slave(ends[1], "dir/x", "mode")


def test_bad_crc_is_skipped_without_a_word(machine: Machine, ends: tuple[Path, Path]) -> None:
    live = machine.path("/Backup1/test")
    for name in ("good", "bad", "lost"):
        (live / name).write_text("text")
    (live / "file").write_text("second")
    admin.flush(machine.path("/Backup1"))
    for name in ("bad", "file"):
        admin.damage_master(ends[0], name)
    admin.damage_master(ends[0], "lost", "inode")

    assert _copy(machine, ends) == admin.flush_tid(machine.path("/Backup1"))
    texts = {name: (ends[1] / name).read_text() for name in ("good", "bad", "file")}
    assert texts == {"good": "text", "bad": "\0" * 4, "file": "\0" * 6}
    assert stat.S_ISFIFO((ends[1] / "lost").lstat().st_mode)
    assert (live / "bad").read_text() == "text"
