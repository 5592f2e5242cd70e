"""A pair is taken from the config, or is written into it without another change."""

from pathlib import Path

import pytest

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.provision.pair_origin import Ends, find_pair
from hammerd.core.errors import ConfigError
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Endpoint

ENDS = Ends("/Backup1/test", "/Backup2/pfs/test")
OTHER = """\
# of the operator
[pairs]
[pairs.other]   # the first one
slave = "/Backup2/pfs/other"
master = "/Backup1/pfs/other"   # odd order
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hammerd.toml"


def test_pair_of_the_config_needs_no_ends_and_no_edit(path: Path) -> None:
    path.write_text(OTHER)
    origin = find_pair(str(path), "other", Ends(), is_edited=True)

    assert origin.pair.master == Endpoint("/Backup1/pfs/other")
    assert origin.file.wanted_text is None
    same = Ends("/Backup1/pfs/other", "/Backup2/pfs/other")
    assert find_pair(str(path), "other", same, is_edited=True).pair == origin.pair


@pytest.mark.parametrize("text", [OTHER, "", "[daemon]\nsample_interval = '5s' # often\n"])
def test_new_pair_stands_after_what_was_there(path: Path, text: str) -> None:
    path.write_text(text)
    origin = find_pair(str(path), "new.1", ENDS, is_edited=True)

    assert origin.pair.slave == Endpoint("/Backup2/pfs/test")
    assert origin.file.text == text
    assert origin.file.wanted_text is not None
    assert origin.file.wanted_text.startswith(text)
    path.write_text(origin.file.wanted_text)
    again = find_pair(str(path), "new.1", ENDS, is_edited=True)
    assert (again.pair, again.file.wanted_text) == (origin.pair, None)


def test_missing_config_is_made_from_scratch(path: Path) -> None:
    origin = find_pair(str(path), "test", ENDS, is_edited=True)

    assert origin.file.text is None
    assert origin.pair.timing.flush_every_s == 10.0
    assert '+ master = "/Backup1/test"' in origin.file.change
    assert "+ [defaults]" in origin.file.change


def test_ends_of_a_new_pair_must_be_named(path: Path) -> None:
    for text in (None, OTHER):
        if text is not None:
            path.write_text(text)
        with pytest.raises(CommandFailed, match=r"test|there is no") as failed:
            find_pair(str(path), "test", Ends("/Backup1/test"), is_edited=True)
        assert failed.value.code == Exit.USAGE
        assert "--slave" in failed.value.hint


def test_pair_of_the_config_cannot_have_other_ends(path: Path) -> None:
    path.write_text(OTHER)

    with pytest.raises(CommandFailed, match="/Backup1/pfs/other") as failed:
        find_pair(str(path), "other", ENDS, is_edited=True)
    assert failed.value.code == Exit.USAGE


@pytest.mark.parametrize(
    ("text", "ends", "told"),
    [
        (OTHER, Ends("/Backup1/test", "/Backup2/pfs/other"), "slave"),
        (OTHER, Ends("relative", "/Backup2/pfs/test"), "must have an absolute path"),
        ("[daemon]\nhamer = 1\n", ENDS, "hamer"),
        ("[daemon", ENDS, "TOML"),
    ],
)
def test_config_that_would_have_faults_is_refused(
    path: Path, text: str, ends: Ends, told: str
) -> None:
    path.write_text(text)

    with pytest.raises(ConfigError, match=told):
        find_pair(str(path), "test", ends, is_edited=True)
    assert path.read_text() == text


def test_slave_that_takes_turns_is_named(path: Path) -> None:
    turns = '["/Backup2/pfs/test", "/Backup3/pfs/test"]'
    path.write_text(f'[pairs.test]\nmaster = "/Backup1/pfs/test"\nrotate = {turns}\n')

    for slave in ("/Backup2/pfs/test", "/Backup3/pfs/test"):
        origin = find_pair(str(path), "test", Ends(slave=slave), is_edited=False)
        assert origin.pair.slave == Endpoint(slave)
