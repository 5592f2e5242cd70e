"""The line of a null mount is found in any form, and added once."""

import pytest

from hammerd.core.system import fstab

LINK, DIRECTORY = "/Backup1/pfs/test", "/Backup1/test"
NAMES = (LINK, "/Backup1/pfs/@@-1:00001")
DISKS = "/dev/ad4s1h\t/Backup1\thammer\trw\t2\t2\n"


@pytest.mark.parametrize("text", ["", DISKS, DISKS.rstrip("\n"), "# no disk"])
def test_line_is_added_at_the_end_and_found_again(text: str) -> None:
    with_line = fstab.with_null_mount(text, LINK, DIRECTORY)

    assert with_line.startswith(text)
    assert with_line.endswith("\n/Backup1/pfs/test\t/Backup1/test\tnull\trw\t0\t0\n") or not text
    (found,) = fstab.find_lines(with_line, DIRECTORY)
    assert fstab.is_null_mount(found, NAMES)
    assert (
        with_line.count("\n") == text.count("\n") + (0 if text.endswith("\n") else bool(text)) + 1
    )


@pytest.mark.parametrize(
    ("line", "is_equal"),
    [
        ("/Backup1/pfs/test      /Backup1/test    null    rw              0       0", True),
        ("/Backup1/pfs/test /Backup1/test/ null rw", True),
        ("/Backup1/pfs/test /Backup1/test nullfs rw,nosuid 0 0 # mine", True),
        ("/Backup1/pfs/@@-1:00001 /Backup1/test null rw 0 0", True),
        ("/Backup1/pfs/@@-1:00002 /Backup1/test null rw 0 0", False),
        ("/Backup1/pfs/test /Backup1/test null rw,noauto 0 0", False),
        ("/Backup1/pfs/other /Backup1/test null rw 0 0", False),
        ("/dev/ad4s1h /Backup1/test hammer rw 2 2", False),
    ],
)
def test_equal_lines_are_recognised(line: str, *, is_equal: bool) -> None:
    (found,) = fstab.find_lines(DISKS + line + "\n", DIRECTORY)

    assert fstab.is_null_mount(found, NAMES) is is_equal


def test_comment_is_no_line() -> None:
    assert fstab.find_lines(f"#{fstab.null_mount_line(LINK, DIRECTORY)}\n", DIRECTORY) == ()


def test_all_lines_of_a_directory_are_found() -> None:
    line = fstab.null_mount_line(LINK, DIRECTORY)

    found = fstab.find_lines(f"{line}\n/other {DIRECTORY} null rw\n", DIRECTORY)

    assert [each.what for each in found] == [LINK, "/other"]


@pytest.mark.parametrize("path", ["/B 1/a", "/B\t1", " /B", "/B#1"])
def test_path_with_a_blank_cannot_be_in_fstab(path: str) -> None:
    assert not fstab.can_hold(LINK, path)
    assert fstab.can_hold(LINK, DIRECTORY)
