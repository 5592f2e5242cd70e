"""Likely mistakes in the endpoints of a config, as they are on the disk, give warnings."""

from dataclasses import replace

from hammerd.core.config.path_warnings import PfsLink, endpoint_warnings
from hammerd.core.hosts.ssh_host import SshHost
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


def warnings_for(*pairs: Pair) -> list[str]:
    return [str(fault).partition("\n")[0] for fault in endpoint_warnings(pairs, LINKS)]


def test_endpoints_on_two_disks_give_no_warning() -> None:
    assert (
        warnings_for(pair("a", "/a/pfs/one", "/b/pfs/one"), pair("b", "/unclear", "/unclear2"))
        == []
    )


def test_a_mirror_within_a_file_system_gives_a_warning() -> None:
    near, far = pair("a", "/a/pfs/one", "/a/pfs/two"), pair("b", "/a/pfs/one", "/a/other/three")

    assert warnings_for(near, far) == [
        'pairs.a.slave: is on the master\'s own file system (got "/a/pfs/two")',
        'pairs.b.slave: is on the master\'s own file system (got "/a/other/three")',
    ]


def test_two_paths_of_one_pfs_give_a_warning() -> None:
    assert warnings_for(
        pair("a", "/a/pfs/one", "/b/pfs/one"),
        pair("b", "/unclear", "/alias"),
        pair("c", "/alias", "/b/pfs/one"),
    ) == [
        'pairs.c.slave: is the same PFS as the master, by another path (got "/b/pfs/one")',
        'pairs.b.slave: is the slave of pair "a", by another path (got "/alias")',
    ]


def test_missing_and_remote_endpoints_give_no_warning() -> None:
    unseen = pair("a", "/a/pfs/one", "/a/pfs/unmounted")
    remote = replace(unseen, slave=Endpoint("/a/pfs/two", SshHost("h")))
    off = replace(pair("b", "/a/pfs/one", "/a/pfs/two"), enabled=False)

    assert warnings_for(unseen, remote, off) == []
