"""Two trees are compared by their lines, wherever these are cut."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.errors import BadOutput
from hammerd.core.verify.comparison import Comparison
from hammerd.core.verify.differences import Difference, Kind, Tally, differences_of
from hammerd.core.verify.entries import (
    LISTING,
    Batch,
    Entry,
    counts_of,
    decode_batch,
    encode_batch,
    order,
    path_of,
    sorted_paths,
    split_path,
)

FILE, DIRECTORY, SYMLINK, FIFO, DEVICE = 0o100644, 0o040755, 0o120777, 0o010644, 0o020600


def entry(name: str, mode: int = FILE, *more: object, time_ns: int = 5) -> Entry:
    common: Entry = [name, mode, 0, 0, time_ns, 0]
    return [*common, *(more or ((3, "aa") if mode == FILE else ()))]


def line(directory: str, *entries: Entry, **marks: dict[int, int] | dict[int, str]) -> bytes:
    batch = Batch(directory, list(entries), **marks)  # type: ignore[arg-type]
    return encode_batch(batch, len(entries), 3 * len(entries))


def compare(master: list[bytes], slave: list[bytes]) -> Tally:
    known: list[tuple[int | None, int | None]] = []

    def links(*inodes: int | None) -> bool:
        met = [each for each in known if {*enumerate(each)} & {*enumerate(inodes)} - NONE]
        known.append(inodes)  # type: ignore[arg-type]
        return all(each == inodes and None not in inodes for each in met)

    comparison, tally = Comparison(iter(master), iter(slave), links), Tally()
    while (compared := comparison.step()) is not None:
        tally.entries += compared.entries
        tally.size += compared.size
        tally.add(compared.differences)
    return tally


NONE = {(0, None), (1, None)}


def found(master: list[bytes], slave: list[bytes]) -> list[tuple[Kind, str]]:
    return [(each.kind, each.path) for each in compare(master, slave).first]


ROOT = line("", entry(".", DIRECTORY))


def test_equal_trees_are_counted_without_a_look_into_their_lines() -> None:
    tree = [ROOT, b"= 2 1 41 this is no JSON\n"]

    tally = compare(tree, tree)

    assert (tally.entries, tally.size, tally.first) == (3, 44, [])


@pytest.mark.parametrize(
    ("kind", "master", "slave"),
    [
        (Kind.MODE, entry("x"), entry("x", 0o100600, 3, "aa")),
        (Kind.OWNER, entry("x"), ["x", FILE, 1, 0, 5, 0, 3, "aa"]),
        (Kind.OWNER, entry("x"), ["x", FILE, 0, 1, 5, 0, 3, "aa"]),
        (Kind.FLAGS, entry("x"), ["x", FILE, 0, 0, 5, 2, 3, "aa"]),
        (Kind.TIME, entry("x"), entry("x", time_ns=6)),
        (Kind.TIME, entry("x", DIRECTORY), entry("x", DIRECTORY, time_ns=6)),
        (Kind.SIZE, entry("x"), entry("x", FILE, 4, "bb")),
        (Kind.CONTENT, entry("x"), entry("x", FILE, 3, "bb")),
        (Kind.TARGET, entry("x", SYMLINK, "a"), entry("x", SYMLINK, "b")),
        (Kind.DEVICE, entry("x", DEVICE, 1), entry("x", DEVICE, 2)),
        (Kind.TYPE, entry("x"), entry("x", FIFO)),
        (Kind.PRUNED, entry("x", 0o010000, time_ns=0), entry("x")),
        (Kind.LOST, entry("x"), entry("x", 0o010000, time_ns=0)),
    ],
)
def test_each_attribute_is_compared(kind: Kind, master: Entry, slave: Entry) -> None:
    (only,) = differences_of("x", master, slave)

    assert (kind, "x") == (only.kind, only.path)
    assert only.master != only.slave or kind in (Kind.CONTENT, Kind.PRUNED)
    assert "x: " in str(only)
    assert list(differences_of("x", master, master)) == []


def test_a_content_that_only_one_end_has_read_is_not_compared() -> None:
    assert list(differences_of("x", entry("x"), entry("x", FILE, 3, None))) == []


def test_a_fifo_with_a_mode_is_no_pruned_inode() -> None:
    times = entry("x", FIFO, time_ns=0), entry("x", FIFO)

    assert [each.kind for each in differences_of("x", *times)] == [Kind.TIME]


def test_what_one_end_lacks_is_named_below_its_directory() -> None:
    a, b, c = (entry(name) for name in "abc")
    master = [ROOT, line(".", a, b, entry("d", DIRECTORY)), line("./d", a), line("./e", c)]
    slave = [ROOT, line(".", b, c, entry("d", DIRECTORY)), line("./d", a, b), line("./f", c)]

    assert found(master, slave) == [
        (Kind.MISSING, "a"),
        (Kind.EXTRA, "c"),
        (Kind.EXTRA, "d/b"),
        (Kind.MISSING, "e/c"),
        (Kind.EXTRA, "f/c"),
    ]


def test_an_end_may_be_empty() -> None:
    tree = [ROOT, line(".", entry("a"))]

    assert found(tree, []) == [(Kind.MISSING, "."), (Kind.MISSING, "a")]
    assert found([], tree) == [(Kind.EXTRA, "."), (Kind.EXTRA, "a")]


def test_what_cannot_be_read_is_a_finding_at_either_end() -> None:
    sound, torn = line(".", entry("a")), line(".", entry("a", FILE, 3, None), errors={0: "EIO"})
    unlisted = line("./d", errors={LISTING: "EACCES"})

    assert found([torn], [sound]) == [(Kind.UNREADABLE, "a")]
    assert found([torn], [torn]) == [(Kind.UNREADABLE, "a")]
    both = compare([sound, unlisted], [sound, unlisted]).first
    assert [(each.master, each.slave) for each in both] == [
        ("EACCES", "readable"),
        ("readable", "EACCES"),
    ]


def test_hard_links_are_compared_by_the_names_that_they_join() -> None:
    two = (entry("a"), entry("b"))
    joined, elsewhere = {0: 7, 1: 7}, {0: 9, 1: 9}
    swapped = line(".", *two, *(entry(name) for name in "cd"), inodes={0: 1, 1: 1, 2: 2, 3: 2})
    crossed = line(".", *two, *(entry(name) for name in "cd"), inodes={0: 1, 1: 2, 2: 1, 3: 2})

    assert found([line(".", *two, inodes=joined)], [line(".", *two, inodes=elsewhere)]) == []
    assert found([line(".", *two, inodes=joined)], [line(".", *two)]) == [(Kind.LINKS, "b")]
    assert found([line(".", *two)], [line(".", *two, inodes=joined)]) == [(Kind.LINKS, "b")]
    assert {Kind.LINKS} == {kind for kind, _ in found([swapped], [crossed])}


def test_a_directory_is_finished_when_both_ends_are_past_it() -> None:
    master = [line(".", entry("a")), line(".", entry("b")), line("./d", entry("c"))]
    comparison = Comparison(iter(master), iter(master), lambda *_: True)

    finished = []
    while comparison.step() is not None:
        finished.append(comparison.finished_directory())

    assert finished == [None, ".", "./d"]


@pytest.mark.parametrize("bad", [b"\n", b"= 1 1 1 {}\n", b"= 1 1 1 []\n", b"= 1 1 1 [\n"])
def test_what_describes_no_tree_is_refused(bad: bytes) -> None:
    with pytest.raises(BadOutput):
        decode_batch(bad)


def test_a_line_keeps_names_that_are_no_text() -> None:
    batch = Batch("./a", [entry("\udcff\n")], {0: 1 << 63}, {LISTING: "gone"})

    encoded = encode_batch(batch, 1, 3)

    assert (batch, 1) == (decode_batch(encoded), encoded.count(b"\n"))
    assert tuple(getattr(counts_of(encoded), each) for each in ORDERED) == (1, 1, 3)


ORDERED = ("entries", "files", "size")
NAMES = st.text("ab-/.é\udc80", min_size=1, max_size=2).filter(
    lambda name: "/" not in name and name not in (".", "..")
)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_path_is_split_into_its_directory_and_name(names: list[str]) -> None:
    path = "/".join(names)

    assert path_of(*split_path(path)) == path


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=12))
def test_paths_are_sorted_as_a_walk_meets_them(paths: list[list[str]]) -> None:
    """A walk meets all entries of a directory, then those of its directories, by name."""
    wanted = {"/".join(names) for names in paths}
    tree = {path for each in wanted for path in _with_parents(each)}

    assert sorted_paths(wanted) == tuple(each for each in _walk(tree, "") if each in wanted)
    assert order("") < order(".") < order("./a") < order("./a/b") < order("./b")


def _with_parents(path: str) -> list[str]:
    names = path.split("/")
    return ["/".join(names[: length + 1]) for length in range(len(names))]


def _walk(tree: set[str], directory: str) -> Iterator[str]:
    inside = {path for path in tree if path.rpartition("/")[0] == directory}
    below = sorted(inside, key=lambda path: path.rpartition("/")[2])
    yield from below
    for path in below:
        yield from _walk(tree, path)


NAMED = ("p", "p0", "p00", "q", "r", "r-")
CUTS = st.lists(st.integers(0, 30), max_size=4)
TREES = st.dictionaries(
    st.sampled_from([".", "./a", "./a/b", "./c"]),
    st.dictionaries(st.sampled_from(NAMED), st.sampled_from(["aa", "bb"]), max_size=6),
)
Tree = dict[str, dict[str, str]]


def _lines(tree: Tree, cuts: list[int]) -> list[bytes]:
    """Describe a tree, with some of its directories cut into two batches."""
    lines = []
    for number, directory in enumerate(sorted(tree, key=order)):
        entries = [
            entry(name, FILE, 3, digest) for name, digest in sorted(tree[directory].items())
        ]
        at = cuts[number % len(cuts)] if cuts else 0
        parts = [entries[:at], entries[at:]] if 0 < at < len(entries) else [entries]
        lines += [line(directory, *part) for part in parts]
    return lines


@given(TREES, TREES, CUTS, CUTS)
def test_differences_do_not_depend_on_how_lines_are_cut(
    master: Tree, slave: Tree, cuts: list[int], other_cuts: list[int]
) -> None:
    ours, theirs = _flat(master), _flat(slave)
    wanted = {(Kind.MISSING, path) for path in ours.keys() - theirs}
    wanted |= {(Kind.EXTRA, path) for path in theirs.keys() - ours}
    wanted |= {(Kind.CONTENT, path) for path in ours.keys() & theirs if ours[path] != theirs[path]}

    tally = compare(_lines(master, cuts), _lines(slave, other_cuts))

    assert wanted == {(each.kind, each.path) for each in tally.first}
    assert (len(wanted), len(ours)) == (sum(tally.counts.values()), tally.entries)


def _flat(tree: Tree) -> dict[str, str]:
    return {
        path_of(directory, name): digest
        for directory, entries in tree.items()
        for name, digest in entries.items()
    }


def test_only_the_first_differences_are_kept_and_all_are_counted() -> None:
    tally = Tally()

    tally.add(Difference(Kind.EXTRA, str(number)) for number in range(150))

    assert (tally.counts, len(tally.first), tally.first[0].path) == ({Kind.EXTRA: 150}, 100, "0")
