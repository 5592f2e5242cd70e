"""hammerd verify tells whether a slave is its master, and says when it cannot know."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hammerd.cli.commands import verify as command
from hammerd.cli.options.location import load_config
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.verify.progress import State
from hammerd.cli.verify.session import locked_session
from hammerd.cli.verify.verification import Options, verify_pair
from hammerd.core.config.model import Config
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Endpoint, Pair, Rotation
from hammerd.core.plans.record import PlanName, PlanRecord, Stage
from hammerd.core.tid import format_tid
from hammerd.core.verify.differences import MOST_KEPT, Kind
from hammerd.core.verify.request import EndRequest, encode_request
from hammerd.core.verify.sample import WHOLE
from hammerd.core.verify.verified import Verified, parse_verified
from hammerd.daemon.state.plan_records import remove_record, write_record
from hammerd.simulator import admin
from tests.cli.conftest import RunHammerd
from tests.cli.verify.mirrors import Mirror, make_mirror, without_times


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return make_mirror(tmp_path)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Mirror:
    """A mirror that no test changes."""
    mirror = make_mirror(tmp_path_factory.mktemp("quiet"))
    mirror.copy()
    (mirror.live / "a/later").write_text("not mirrored yet")
    (mirror.live / "b/file").unlink()
    admin.flush(mirror.machine.path("/Backup1"))
    return mirror


class Silent:
    """A display that may interrupt the verification."""

    def __init__(self, *, after_entries: int = 1_000_000) -> None:
        self.after_entries = after_entries
        self.states: list[State] = []

    def show(self, state: State) -> None:
        self.states.append(state)
        if state.entries >= self.after_entries:
            raise KeyboardInterrupt

    def close(self) -> None:
        pass


def verify(mirror: Mirror, display: Silent | None = None, **options: object) -> Verified:
    config = load_config(str(mirror.config))
    values = {"sample": WHOLE, "jobs": 1, "save_every_s": 0.0, **options}
    return verify_pair(config.pairs[0], config, Options(**values), display or Silent())  # type: ignore[arg-type]


def test_a_mirror_is_equal_while_its_master_goes_on(quiet: Mirror, hammerd: RunHammerd) -> None:
    ran = hammerd("verify", "home", "-c", quiet.config)

    assert (ran.code, ran.err) == (0, "")
    assert without_times(ran.out) == "home: equal as of TID: 9 entries, 48 B, in 0s\n"
    saved = parse_verified((quiet.state_dir / "verified/home.json").read_text())
    assert (saved.tid, saved.is_equal, saved.entries) == (quiet.tid, True, 9)
    assert sorted(os.listdir(quiet.state_dir / "verify")) == ["home.lock"]


def test_damage_on_the_master_s_disk_is_seen(mirror: Mirror, hammerd: RunHammerd) -> None:
    """A mirror skips records with a bad CRC and says nothing."""
    admin.flush(mirror.machine.path("/Backup1"))
    admin.damage_master(mirror.master, "b/file")
    mirror.copy()

    ran = hammerd("verify", "home", "-c", mirror.config, "--json")

    result = json.loads(ran.out)
    assert (ran.code, ran.err) == (1, "")
    assert (result["is_equal"], result["by_kind"]) == (False, {"content": 1})
    assert [each["path"] for each in result["first"]] == ["b/file"]


def test_an_inode_that_the_mirror_left_out_is_seen(mirror: Mirror, hammerd: RunHammerd) -> None:
    admin.flush(mirror.machine.path("/Backup1"))
    admin.damage_master(mirror.master, "b/file", "inode")
    mirror.copy()
    found = hammerd("verify", "home", "-c", mirror.config)
    with pytest.raises(KeyboardInterrupt):
        verify(mirror, Silent(after_entries=4))
    (mirror.live / "c/file").write_text("newer\n")
    mirror.copy()

    assert found.code == 1
    assert "    b/file: its inode is lost on the slave\n" in found.out
    assert verify(mirror).counts == {Kind.LOST: 1}


DAMAGE = {
    "byte": "byte: content differs",
    "mode": "mode: mode differs: ",
    "owner": "owner: owner differs: ",
    "mtime": "mtime: time differs: ",
    "size": "size: size differs: ",
    "removed": "removed: missing on the slave (file)",
    "hard link": "its other name: hard links differ: ",
}


def test_each_kind_of_damage_of_a_slave_is_told(mirror: Mirror, hammerd: RunHammerd) -> None:
    for what in DAMAGE:
        (mirror.live / what).write_text(f"content for {what}")
    os.link(mirror.live / "hard link", mirror.live / "its other name")
    mirror.copy()
    for what in DAMAGE:
        admin.damage_slave(mirror.slave, what, what)
    admin.damage_slave(mirror.slave, "symlink", "target")

    ran = hammerd("verify", "home", "-c", mirror.config, columns=200)

    assert ran.code == 1
    for sentence in (*DAMAGE.values(), "symlink: target differs: "):
        assert f"    {sentence}" in ran.out


def test_what_cannot_be_compared_is_refused(mirror: Mirror, hammerd: RunHammerd) -> None:
    never = hammerd("verify", "home", "-c", mirror.config)
    tid = mirror.copy()
    admin.forget_as_of(mirror.master, tid)
    gone = hammerd("verify", "home", "-c", mirror.config, columns=500)
    mirror.machine.run([mirror.machine.hammer, "pfs-upgrade", mirror.slave])
    promoted = hammerd("verify", "home", "-c", mirror.config)

    assert {never.code, gone.code, promoted.code} == {Exit.UNAVAILABLE}
    assert "was never mirrored to" in never.err
    assert (
        "No such file or directory\nhint: is the PFS there, and its file system mounted?"
        in gone.err
    )
    assert "is a master now" in promoted.err


@pytest.mark.parametrize(
    ("stage", "hint"),
    [
        (Stage.RUNNING, 'if it was interrupted, "hammerd switchover home" goes on'),
        (Stage.PROMOTED, '"hammerd reseed home" makes the old master a fresh slave'),
    ],
)
def test_pair_that_a_plan_holds_is_refused(
    stage: Stage, hint: str, quiet: Mirror, hammerd: RunHammerd
) -> None:
    state_dir = load_config(str(quiet.config)).daemon.state_dir
    record = PlanRecord("home", PlanName.SWITCHOVER, 0.0, stage, step="downgrade")
    write_record(state_dir, record)
    refused = hammerd("verify", "home", "-c", quiet.config, columns=500)
    remove_record(state_dir, "home")

    assert refused.code == Exit.UNAVAILABLE
    assert hint in refused.err


def test_usage_is_refused(quiet: Mirror, hammerd: RunHammerd) -> None:
    for words in (("other",), ("home", "--sample", "0")):
        assert hammerd("verify", "-c", quiet.config, *words).code == Exit.USAGE


def test_an_interrupted_verification_goes_on_or_begins_anew(mirror: Mirror) -> None:
    """It goes on at its TID, although the slave has a newer one."""
    tid = mirror.copy()
    with pytest.raises(KeyboardInterrupt):
        verify(mirror, Silent(after_entries=8))
    (mirror.live / "new").touch()
    newer = mirror.copy()
    display = Silent(after_entries=9)

    with pytest.raises(KeyboardInterrupt):
        verify(mirror, display)

    assert display.states[0].entries == 8
    assert newer > tid
    assert verify(mirror).tid == tid
    assert verify(mirror).tid == newer


def test_a_verification_begins_anew_when_it_must(mirror: Mirror) -> None:
    tid = mirror.copy()
    with pytest.raises(KeyboardInterrupt):
        verify(mirror, Silent(after_entries=8))
    (mirror.live / "new").touch()
    newer = mirror.copy()

    with pytest.raises(KeyboardInterrupt):
        verify(mirror, Silent(after_entries=1), is_restart=True)
    (mirror.live / "newer").touch()
    newest = mirror.copy()
    admin.forget_as_of(mirror.master, newer)

    assert tid < newer < newest
    assert verify(mirror).tid == newest


def test_hard_links_are_known_after_an_interruption(mirror: Mirror) -> None:
    """The first name of a/file is compared by the first run, its second by the next."""
    mirror.copy()
    with mirror.changed_slave("b/hard") as hard:
        hard.write_bytes(b"content of a")
    with pytest.raises(KeyboardInterrupt):
        verify(mirror, Silent(after_entries=6))

    assert verify(mirror).counts == {Kind.LINKS: 1}


def test_much_pruned_history_leaves_nothing_certain(mirror: Mirror) -> None:
    names = [mirror.live / f"c/{number}" for number in range(MOST_KEPT + 1)]
    for name in names:
        name.touch()
    mirror.copy()
    with pytest.raises(KeyboardInterrupt):
        verify(mirror, Silent(after_entries=4))
    for name in names:
        name.unlink()
    newer = mirror.copy()
    admin.prune_everything(mirror.master)

    with pytest.raises(CommandFailed, match="nothing certain") as failed:
        verify(mirror)

    assert failed.value.code == Exit.UNAVAILABLE
    assert verify(mirror).tid == newer


def test_a_real_difference_is_told_from_pruned_history(mirror: Mirror) -> None:
    admin.flush(mirror.machine.path("/Backup1"))
    admin.damage_master(mirror.master, "b/file")
    mirror.copy()
    with pytest.raises(KeyboardInterrupt):
        verify(mirror, Silent(after_entries=4))
    (mirror.live / "c/file").unlink()
    mirror.copy()
    admin.prune_everything(mirror.master)

    verified = verify(mirror)

    assert verified.counts == {Kind.CONTENT: 1}
    assert [each.path for each in verified.first] == ["b/file"]


def test_two_verifications_of_a_pair_do_not_run_at_once(quiet: Mirror) -> None:
    with (
        locked_session(str(quiet.state_dir), "home"),
        pytest.raises(CommandFailed, match="another hammerd verifies home"),
    ):
        verify(quiet)


def test_an_end_without_a_request_describes_its_whole_tree(
    quiet: Mirror, hammerd: RunHammerd
) -> None:
    ran = hammerd("verify", "--end", quiet.slave, format_tid(quiet.tid))

    assert (ran.code, ran.err, ran.out[-2:]) == (0, "", ".\n")
    assert '["./a",[["file",' in ran.out


def test_an_end_ends_well_while_its_input_is_open(quiet: Mirror) -> None:
    argv = (sys.executable, "-m", "hammerd.cli.main", "verify", "--end")
    with subprocess.Popen(
        (*argv, quiet.slave, format_tid(quiet.tid)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as end:
        assert end.stdin is not None
        end.stdin.write(encode_request(EndRequest()))
        end.stdin.flush()

        assert (end.wait(), end.stderr and end.stderr.read()) == (0, b"")


@pytest.mark.parametrize(("there", "chosen"), [("ab", "a"), ("b", "b"), ("", "a")])
def test_slave_that_is_there_is_compared_if_slaves_take_turns(
    tmp_path: Path, there: str, chosen: str
) -> None:
    paths = tuple(str(tmp_path / name) for name in "ab")
    for name in there:
        (tmp_path / name).touch()
    rotation = Rotation(takes_turns=True, paths=paths)
    pair = Pair("home", Endpoint("/m"), Endpoint(paths[0]), rotate=rotation)

    (found,) = command._chosen(("home",), Config(pairs=(pair,)), every=False)

    assert found.slave == Endpoint(str(tmp_path / chosen))
