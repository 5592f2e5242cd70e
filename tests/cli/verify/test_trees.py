"""An end describes its tree whole, in one order, and reads contents in parallel."""

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hammerd.cli.verify.contents import BUFFER_BYTES, digest_contents
from hammerd.cli.verify.end_output import is_in_sample
from hammerd.cli.verify.tree import Found, read_tree
from hammerd.core.verify.entries import BATCH_ENTRIES, DIGEST, NAME, decode_batch, order, path_of
from hammerd.core.verify.request import MILLION, EndRequest
from tests.cli.verify.trees import TIME_NS, compare, lines_of, make_tree, settle_times

FILES = 3_000


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("trees")
    make_tree(root / "master", FILES)
    shutil.copytree(root / "master", root / "slave", symlinks=True, copy_function=_copy)
    os.unlink(root / "slave/deep/er/hard")
    os.link(root / "slave/d0000/f000001", root / "slave/deep/er/hard")
    settle_times(root / "slave")
    return root / "master", root / "slave"


def _copy(one: str, other: str) -> None:
    if Path(one).is_fifo():
        os.mkfifo(other)
    else:
        shutil.copy2(one, other, follow_symlinks=False)


def test_equal_trees_are_equal(ends: tuple[Path, Path]) -> None:
    tally, found = compare(*ends)

    assert (found, tally.entries) == ([], FILES + 30 + 8)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _retarget(path: Path) -> None:
    path.unlink()
    path.symlink_to("../elsewher")


def _unlink_hard(path: Path) -> None:
    shutil.copy2(path, path.with_name("other"))
    path.with_name("other").replace(path)


def _to_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "content d0007/f000777": ("d0007/f000777", _flip),
    "mode d0009/f000901": ("d0009/f000901", lambda path: path.chmod(0o600)),
    "mode d0003": ("d0003", lambda path: path.chmod(0o700)),
    "target deep/symlink": ("deep/symlink", _retarget),
    "links deep/er/hard": ("deep/er/hard", _unlink_hard),
    "missing d0012/f001234": ("d0012/f001234", Path.unlink),
    "extra d0012/f0012345": ("d0012/f0012345", Path.touch),
    "size d0002/f000200": ("d0002/f000200", lambda path: path.write_text("longer" * 100)),
    "type deep/fifo": ("deep/fifo", _to_directory),
    "missing deep/er/est": ("deep/er/est", Path.rmdir),
}


@pytest.mark.parametrize("finding", CHANGES)
def test_one_change_among_many_files_is_found(finding: str, ends: tuple[Path, Path]) -> None:
    master, slave = ends
    name, change = CHANGES[finding]
    aside = slave.with_name("aside")
    top = Path(name).parts[0]
    shutil.copytree(slave / top, aside, symlinks=True, copy_function=_copy)
    change(slave / name)
    settle_times(slave)

    tally, found = compare(master, slave)

    shutil.rmtree(slave / top)
    aside.rename(slave / top)
    if top in ("deep", "d0000"):
        (slave / "deep/er/hard").unlink()
        os.link(slave / "d0000/f000001", slave / "deep/er/hard")
    settle_times(slave)
    assert [finding] == found
    assert sum(tally.counts.values()) == 1


def test_a_time_is_compared_to_the_nanosecond(ends: tuple[Path, Path]) -> None:
    master, slave = ends
    os.utime(slave / "deep", ns=(TIME_NS, TIME_NS + 1))

    _, found = compare(master, slave)

    settle_times(slave)
    assert found == ["time deep"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_owner_is_compared(ends: tuple[Path, Path]) -> None:
    master, slave = ends
    os.chown(slave / "d0001/f000111", 12, -1)
    os.chown(slave / "deep/symlink", -1, 12, follow_symlinks=False)

    _, found = compare(master, slave)

    os.chown(slave / "d0001/f000111", 0, -1)
    os.chown(slave / "deep/symlink", -1, 0, follow_symlinks=False)
    assert found == ["owner d0001/f000111", "owner deep/symlink"]


@pytest.mark.parametrize("jobs", [1, 3])
def test_the_lines_do_not_depend_on_the_threads(ends: tuple[Path, Path], jobs: int) -> None:
    assert lines_of(ends[0], EndRequest(jobs=jobs)) == lines_of(ends[0], EndRequest(jobs=2))


def test_entries_come_in_order_and_in_batches(ends: tuple[Path, Path], tmp_path: Path) -> None:
    for number in range(BATCH_ENTRIES + 1):
        (tmp_path / str(number)).touch()
    batches = [decode_batch(line) for line in lines_of(tmp_path)]
    places = [order(decode_batch(line).directory) for line in lines_of(ends[0])]
    names = [entry[NAME] for batch in batches[1:] for entry in batch.entries]

    assert [len(batch.entries) for batch in batches] == [1, BATCH_ENTRIES, 1]
    assert sorted(map(str, range(BATCH_ENTRIES + 1))) == names
    assert sorted(places) == places


def test_a_later_run_goes_on_after_any_directory(ends: tuple[Path, Path]) -> None:
    lines = lines_of(ends[0])
    directories = list(dict.fromkeys(decode_batch(line).directory for line in lines))

    for number, directory in enumerate(directories):
        rest = lines_of(ends[0], EndRequest(after=directory))
        wanted = [
            line for line in lines if decode_batch(line).directory in directories[number + 1 :]
        ]
        assert rest == wanted


def test_a_large_file_is_read_in_parts(tmp_path: Path) -> None:
    content = os.urandom(BUFFER_BYTES + 4_097)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "large").write_bytes(content)
        settle_times(tmp_path / name)
    assert compare(tmp_path / "a", tmp_path / "b")[1] == []
    with (tmp_path / "b/large").open("r+b") as file:
        file.seek(BUFFER_BYTES + 4_096)
        file.write(bytes([content[-1] ^ 1]))
    settle_times(tmp_path / "b")

    assert compare(tmp_path / "a", tmp_path / "b")[1] == ["content large"]


def test_a_file_that_grew_since_it_was_seen_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("four")
    fd = os.open(tmp_path, os.O_RDONLY)
    (found,) = [each for each in read_tree(str(tmp_path)) if each.contents]
    (tmp_path / "file").write_text("longer")
    read: list[int] = []

    digest_contents(found.fd, found.contents, "sha256", read.append)

    os.close(fd)
    found.close()
    assert sum(read) == 6


def test_a_fifo_is_never_opened(tmp_path: Path) -> None:
    """An open of a FIFO waits for a writer; the kernel shows a pruned file as one."""
    (tmp_path / "file").touch()
    found = next(each for each in read_tree(str(tmp_path)) if each.contents)
    (tmp_path / "file").unlink()
    os.mkfifo(tmp_path / "file")

    digest_contents(found.fd, found.contents, "sha256", lambda _count: None)

    found.close()
    assert [each.error for each in found.contents] == [None]


def test_what_cannot_be_read_is_told_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    found: Found = next(each for each in read_tree(str(tmp_path)) if each.contents)
    (tmp_path / "file").unlink()

    digest_contents(found.fd, found.contents, "sha256", lambda _count: None)

    found.close()
    assert [os.strerror(errno.ENOENT)] == [each.error for each in found.contents]


def test_a_sample_is_the_same_at_both_ends_and_another_for_another_tid() -> None:
    tenth = EndRequest(sample_of_million=MILLION // 10, seed="0x10")
    names = [f"d/{number}" for number in range(5_000)]
    chosen = {name for name in names if is_in_sample(name, tenth)}

    assert chosen == {name for name in names if is_in_sample(name, tenth)}
    assert 400 < len(chosen) < 600
    assert chosen != {name for name in names if is_in_sample(name, replace(tenth, seed="0x11"))}


def test_a_sample_leaves_out_contents_only(ends: tuple[Path, Path]) -> None:
    none = EndRequest(sample_of_million=0)
    lines = lines_of(ends[0], none)
    whole = lines_of(ends[0])

    def names(lines: list[bytes]) -> list[str]:
        batches = map(decode_batch, lines)
        return [path_of(each.directory, str(e[NAME])) for each in batches for e in each.entries]

    assert names(lines) == names(whole)
    digests = {e[DIGEST] for line in lines for e in decode_batch(line).entries if len(e) > DIGEST}
    assert digests == {None}


def test_only_some_paths_can_be_read_again(ends: tuple[Path, Path]) -> None:
    paths = (".", "d0001/f000100", "deep/gone", "gone/too", "deep/er/hard", "deep/er/\udcff\n")
    batches = map(decode_batch, lines_of(ends[0], EndRequest(only=paths)))

    found = [
        path_of(each.directory, str(entry[NAME])) for each in batches for entry in each.entries
    ]

    assert found == [".", "d0001/f000100", "deep/er/hard", "deep/er/\udcff\n"]


def test_a_path_may_be_longer_than_a_system_call_takes(tmp_path: Path) -> None:
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(30):
            os.mkdir("n" * 200)
            os.chdir("n" * 200)
        Path("last").write_text("found")
    finally:
        os.chdir(here)

    assert b'"last"' in lines_of(tmp_path)[-1]
    shutil.rmtree(tmp_path / ("n" * 200), ignore_errors=True)


def test_descriptors_are_closed(ends: tuple[Path, Path]) -> None:
    before = len(os.listdir("/dev/fd"))
    lines_of(ends[0])

    assert len(os.listdir("/dev/fd")) == before
