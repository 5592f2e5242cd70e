"""The output of pfs-status is parsed in its present form, in that of 2009, and cut off."""

import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hammerd.core.errors import BadOutput
from hammerd.core.hammer.pfs_status import PfsStatus, parse_pfs_status
from hammerd.core.tid import Tid
from tests.paths import DATA

TRANSCRIPTS = DATA / "transcripts"
RECORDINGS = sorted(
    path for path in TRANSCRIPTS.glob("*/stdout") if path.parent.name.startswith(("07", "15e"))
)
MANY = (TRANSCRIPTS / "07j-status-many" / "stdout").read_text()

OF_2009 = """\
/Backup1/pfs/test\tPFS #3 {
    sync-beg-tid=0x0000000000000001
    sync-end-tid=0x000000013f644ce0
    shared-uuid=9043570e-b3d9-11de-9bef-011617202aa6
    unique-uuid=9043574c-b3d9-11de-9bef-011617202aa6
    label=""
    prune-min=00:00:00
    operating as a MASTER
    snapshots dir for master defaults to <fs>/snapshots
}
"""

OF_2009_STATUS = PfsStatus(
    path="/Backup1/pfs/test",
    pfs_id=3,
    sync_end_tid=Tid(0x13F644CE0),
    shared_uuid="9043570e-b3d9-11de-9bef-011617202aa6",
    unique_uuid="9043574c-b3d9-11de-9bef-011617202aa6",
    is_master=True,
)


def with_line(old: str, new: str) -> PfsStatus:
    (status,) = parse_pfs_status(OF_2009.replace(old, new))
    return status


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) > 15


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.parent.name)
def test_a_recording_has_as_many_blocks_as_a_plain_count_finds(path: Path) -> None:
    text = path.read_text()
    blocks = parse_pfs_status(text)

    assert len(re.findall(r"^}$", text, re.MULTILINE)) == len(blocks)
    assert text.count("operating as a MASTER") == sum(block.is_master for block in blocks)
    assert bool(blocks) or (path.parent / "exit").read_text().strip() == "1"


def test_several_pfs_come_in_the_order_of_their_paths() -> None:
    blocks = parse_pfs_status(MANY)

    assert [
        ("/Backup1/pfs/test", 1, Tid(0x1000003CB), True),
        ("/Backup2/pfs/test", 1, Tid(1), False),
        ("/Backup1", 0, Tid(0x1000003CB), True),
    ] == [(block.path, block.pfs_id, block.sync_end_tid, block.is_master) for block in blocks]
    assert blocks[0].shared_uuid == blocks[1].shared_uuid
    assert blocks[0].unique_uuid != blocks[1].unique_uuid


def test_the_form_of_2009_is_read() -> None:
    assert parse_pfs_status(OF_2009) == (OF_2009_STATUS,)


@pytest.mark.parametrize(
    "line",
    [
        "snapshots directory for master defaults to <pfs>/snapshots",
        "snapshots directory not set for slave",
        "snapshots directory defaults to /var/hammer/<pfs>",
        "a line that a later version adds {",
        "",
    ],
)
def test_other_lines_are_ignored(line: str) -> None:
    assert with_line("snapshots dir for master defaults to <fs>/snapshots", line) == OF_2009_STATUS


def test_text_around_the_blocks_is_ignored() -> None:
    assert parse_pfs_status(f"Last login: never\n}}\n{OF_2009}bye\n") == (OF_2009_STATUS,)


def test_a_label_may_contain_anything() -> None:
    assert with_line('label=""', 'label="a "b" PFS#1 {"') == OF_2009_STATUS


@pytest.mark.parametrize("path", ["/a b", "/a\tb", "/a\tPFS#9 {", "", "..", "/ä"])
def test_a_path_may_contain_blanks_and_tabs(path: str) -> None:
    assert with_line("/Backup1/pfs/test", path).path == path


def test_a_block_that_was_cut_off_is_left_out() -> None:
    for cut in range(len(OF_2009) - 1):
        assert parse_pfs_status(OF_2009[:cut]) == ()
    assert len(parse_pfs_status(MANY[:-2])) == 2


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("sync-beg-tid=0x0000000000000001", "sync-beg-tid"),
        ("sync-end-tid=0x000000013f644ce0", "sync-end-tid"),
        ("shared-uuid=9043570e-b3d9-11de-9bef-011617202aa6", "shared-uuid"),
        ("unique-uuid=9043574c-b3d9-11de-9bef-011617202aa6", "unique-uuid"),
        ("operating as a MASTER", "role"),
    ],
)
@pytest.mark.parametrize(
    "broken", ["", "sync-end-tid=0x1234567890abcdef0", "shared-uuid=9043570e"]
)
def test_a_block_without_a_required_field_is_bad_output(line: str, name: str, broken: str) -> None:
    with pytest.raises(BadOutput, match=f"pfs-status of /Backup1/pfs/test tells no {name}"):
        parse_pfs_status(OF_2009.replace(line, broken))


@given(st.text())
def test_any_text_without_a_block_has_no_status(text: str) -> None:
    assert parse_pfs_status(text) == ()


@given(st.text(alphabet=st.characters(exclude_characters="\n")))
def test_any_line_within_a_block_is_ignored(line: str) -> None:
    assume(line.rstrip() != "}")

    assert with_line("    sync-beg", f"{line}\n    sync-beg") == OF_2009_STATUS
