"""What is hardly meant of a config's ends as they stand on the disk."""

from dataclasses import replace

from hammerd.core.config.path_warnings import PfsLink, endpoint_warnings
from hammerd.core.pairs import Endpoint, Pair

LINKS = {
    "/a/pfs/one": PfsLink("/a/pfs/one", 1),
    "/a/pfs/two": PfsLink("/a/pfs/two", 1),
    "/a/other/three": PfsLink("/a/other/three", 1),
    "/b/pfs/one": PfsLink("/b/pfs/one", 2),
    "/alias": PfsLink("/b/pfs/one", 2),
    "/unclear": PfsLink("/c/pfs/one"),
    "/unclear2": PfsLink("/d/pfs/one"),
}


def pair(name: str, master: str, slave: str) -> Pair:
    return Pair(name, Endpoint(master), Endpoint(slave))


def said(*pairs: Pair) -> list[str]:
    return [str(fault).partition("\n")[0] for fault in endpoint_warnings(pairs, LINKS)]


def test_ends_of_two_disks_are_as_they_should_be() -> None:
    assert said(pair("a", "/a/pfs/one", "/b/pfs/one"), pair("b", "/unclear", "/unclear2")) == []


def test_a_mirror_within_a_file_system_never_rests() -> None:
    near, far = pair("a", "/a/pfs/one", "/a/pfs/two"), pair("b", "/a/pfs/one", "/a/other/three")

    assert said(near, far) == [
        'pairs.a.slave: is on the master\'s own file system (got "/a/pfs/two")',
        'pairs.b.slave: is on the master\'s own file system (got "/a/other/three")',
    ]


def test_one_pfs_by_two_names_is_one_pfs() -> None:
    assert said(
        pair("a", "/a/pfs/one", "/b/pfs/one"),
        pair("b", "/unclear", "/alias"),
        pair("c", "/alias", "/b/pfs/one"),
    ) == [
        'pairs.c.slave: is the same PFS as the master, by another path (got "/b/pfs/one")',
        'pairs.b.slave: is the slave of pair "a", by another path (got "/alias")',
    ]


def test_nothing_is_said_of_what_cannot_be_seen() -> None:
    unseen = pair("a", "/a/pfs/one", "/a/pfs/unmounted")
    remote = replace(unseen, slave=Endpoint("/a/pfs/two", host="h"))
    off = replace(pair("b", "/a/pfs/one", "/a/pfs/two"), enabled=False)

    assert said(unseen, remote, off) == []
