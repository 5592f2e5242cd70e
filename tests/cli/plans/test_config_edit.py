import tomllib

import pytest

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.plans.config_edit import edit_config

CONFIG = """\
# all pairs
[daemon]
hammer = "/sbin/hammer"   # the utility

[pairs.home]   # of Anna
master = "/Backup1/home"  # disk 1
slave = "/Backup2/pfs/home"
delay = "1s"

[pairs.mail]
master = "/Backup1/mail"
slave = "/Backup2/pfs/mail"
"""
MARKED = f"\ufeff{CONFIG}"
TURNED = {"master": "/Backup2/pfs/home", "slave": "/Backup1/pfs/home"}


def test_ends_of_a_pair_are_swapped_and_all_else_stays() -> None:
    edit = edit_config("/c", CONFIG, "home", TURNED)

    assert edit is not None
    assert edit.expected_text == CONFIG
    assert edit.text == CONFIG.replace(
        '"/Backup1/home"  # disk 1\nslave = "/Backup2/pfs/home"',
        '"/Backup2/pfs/home"  # disk 1\nslave = "/Backup1/pfs/home"',
    )
    assert edit.change == (
        '- master = "/Backup1/home"  # disk 1',
        '+ master = "/Backup2/pfs/home"  # disk 1',
        '- slave = "/Backup2/pfs/home"',
        '+ slave = "/Backup1/pfs/home"',
    )
    assert edit_config("/c", edit.text, "home", TURNED) is None


@pytest.mark.parametrize(
    "before",
    ["", CONFIG, '[daemon]\nhammer = "/sbin/hammer"\n', CONFIG.replace("\n", "\r\n"), MARKED],
)
def test_pair_that_is_missing_is_added(before: str) -> None:
    edit = edit_config("/c", before, "new", TURNED)

    assert edit is not None
    assert edit.text.startswith(before)
    assert tomllib.loads(edit.text.removeprefix("\ufeff"))["pairs"]["new"] == TURNED


@pytest.mark.parametrize(
    "before",
    [
        'pairs = { a = { master = "/a", slave = "/b" } }\n',
        'pairs.a.master = "/a"\npairs.a.slave = "/b"\n[daemon]\n',
        "pairs = 1\n",
    ],
)
def test_config_that_cannot_be_edited_is_left_to_a_person(before: str) -> None:
    with pytest.raises(CommandFailed, match="cannot be edited") as failed:
        edit_config("/c", before, "new", TURNED)
    assert 'master = "/Backup2/pfs/home"' in failed.value.hint


def test_without_tomlkit_the_lines_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tomlkit", None)

    with pytest.raises(CommandFailed) as failed:
        edit_config("/c", CONFIG, "home", TURNED)
    assert 'master = "/Backup2/pfs/home"' in failed.value.hint
