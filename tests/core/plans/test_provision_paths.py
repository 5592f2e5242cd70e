"""The softlink behind the path by which a pair names an end."""

import pytest

from hammerd.core.plans.provision_paths import EndPaths, Tables, find_paths
from hammerd.core.system.mounts import Mount, parse_fstab, parse_mounts

MOUNTED = parse_mounts("""\
ROOT on / (hammer, noatime, local)
/dev/serno/X.s1a on /boot (ufs, local)
Backup1 on /Backup1 (hammer, local)
/Backup1/pfs/@@-1:00003 on /Backup1/mail (null, local)
/pfs/@@-1:00001 on /home (null, local)
""")
FSTAB = parse_fstab("""\
/dev/ad4s1h /Backup1 hammer rw 2 2
/dev/ad6s1h /Backup2 hammer rw 2 2
/Backup1/pfs/old /Backup1/odd null rw 0 0
/Backup1/pfs/@@-1:00003 /Backup1/post null rw 0 0
/Backup1/pfs/@@-1:00009 /Backup1/gone null rw 0 0
""")
LINKS = {
    "/Backup1/data": "@@-1:00004",
    "/Backup1/pfs/post": "@@-1:00003",
    "/Backup1/pfs/test": "@@-1:00001",
    "/Backup1/shown": "pfs/there",
}
TABLES = Tables(MOUNTED, FSTAB[:1] + FSTAB[2:], LINKS)


@pytest.mark.parametrize(
    ("path", "link", "place"),
    [
        ("/Backup1/pfs/test", "/Backup1/pfs/test", None),
        ("/Backup1/test", "/Backup1/pfs/test", "/Backup1/test"),
        ("/Backup1/deep/test", "/Backup1/pfs/test", "/Backup1/deep/test"),
        ("/Backup1/mail", "/Backup1/pfs/post", "/Backup1/mail"),
        ("/Backup1/odd", "/Backup1/pfs/old", "/Backup1/odd"),
        ("/Backup1/post", "/Backup1/pfs/post", "/Backup1/post"),
        ("/Backup1/gone", "/Backup1/pfs/gone", "/Backup1/gone"),
        ("/Backup1/data", "/Backup1/data", None),
        ("/Backup1/shown", "/Backup1/pfs/there", "/Backup1/shown"),
        ("/test", "/pfs/test", "/test"),
        ("/home", "/pfs/home", "/home"),
    ],
)
def test_softlink_is_what_the_place_shows_or_the_name_in_pfs(
    path: str, link: str, place: str | None
) -> None:
    found = find_paths(path, None, TABLES)

    root = "/Backup1" if path.startswith("/Backup1") else "/"
    assert found == EndPaths(link, place, root)


def test_named_softlink_precedes_all_others() -> None:
    found = find_paths("/Backup1/mail", "/Backup1/pfs/mail", TABLES)

    assert found == EndPaths("/Backup1/pfs/mail", "/Backup1/mail", "/Backup1")


def test_file_system_of_fstab_that_is_not_mounted_is_missing() -> None:
    found = find_paths("/Backup2/test", None, Tables(MOUNTED, FSTAB))

    assert found is not None
    assert found.missing_mount == "/Backup2"


@pytest.mark.parametrize("mounted", [(), (Mount("x", "/boot", "ufs", frozenset()),)])
def test_softlink_is_not_guessed_where_no_hammer_is_mounted(mounted: tuple[Mount, ...]) -> None:
    assert find_paths("/boot/test", None, Tables(mounted)) is None
    assert find_paths("/boot/pfs/test", None, Tables(mounted)) == EndPaths("/boot/pfs/test", None)
