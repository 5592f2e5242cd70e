"""A mirror-copy on the simulator: its progress, and success judged by its own words."""

import subprocess
from pathlib import Path

import pytest

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.plans.copy import CopyProgress, run_copy
from hammerd.core.hammer.commands import environment
from hammerd.core.pairs import Endpoint
from hammerd.core.plans.steps import Copy
from hammerd.simulator import admin

PRESCAN = b"Prescan to break up bulk transfer\nPrescan 1 chunks, total 3 MBytes (4194304)\n"
HALF = b"\rscan obj=%016x tids=%016x:%016x %11d" % (1, 2, 9, 2 << 20)
BATCH = b"Mirror-read: Mirror %016x to %016x (bulk= 4194304)\n" % (2, 9)


def told(*chunks: bytes) -> CopyProgress:
    """Return the progress after chunks of output, one a second."""
    progress = CopyProgress("/Backup1/test")
    for at, chunk in enumerate(chunks):
        progress.read(chunk, float(at))
    return progress


def test_progress_has_share_rate_and_remaining_time() -> None:
    progress = told(PRESCAN, BATCH, HALF, HALF + b"\n")

    assert progress.share(3.0) == 0.5
    assert progress.told(3.0) == "2.0 MB of 4.0 MB, 1.0M/s, 2s to go"


def test_size_is_unknown_during_the_prescan() -> None:
    progress = told(PRESCAN[:34])

    assert progress.share(0.0) is None
    assert progress.told(0.0) == "hammer counts what there is to copy"


@pytest.mark.parametrize(
    ("output", "has_succeeded"),
    [
        (b"Mirror-read /Backup1/test succeeded\n", True),
        (b"hammer: Mirror-write: xMirror-read /Backup1/test succeeded\n", True),
        (b"Mirror-read /Backup1/other succeeded\n", False),
        (b"Mirror-read /Backup1/test failed: Input/output error\n", False),
        (b"", False),
    ],
)
def test_only_the_words_of_the_source_half_tell_success(
    output: bytes, *, has_succeeded: bool
) -> None:
    assert told(output, b"").has_succeeded is has_succeeded


@pytest.mark.parametrize(
    ("output", "error"),
    [
        (
            b"validate_mrec_header: short read\nMirror-read /a failed: Input/output error\n",
            "Input",
        ),
        (b"what is this\n", "what is this"),
        (b"", "it said nothing"),
    ],
)
def test_failure_names_its_cause(output: bytes, error: str) -> None:
    assert error in told(output, b"").failure().message


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A master and a slave that was never mirrored."""
    for number in (1, 2):
        admin.new_file_system(tmp_path / f"{number}", f"{number}", tid_base=number << 32)
    hammer = admin.install(tmp_path / "sbin", time_scale=20)
    for number, words in ((1, ("pfs-master",)), (2, ("pfs-slave",))):
        link = tmp_path / f"{number}" / "pfs"
        uuid = (f"shared-uuid={admin.shared_uuid(tmp_path / '1/pfs')}",) if number == 2 else ()
        _run(hammer, *words, str(link), *uuid)
    (tmp_path / "1/pfs/file").write_text("x" * 100_000)
    admin.flush(tmp_path / "1")
    return Copy(Endpoint(str(tmp_path / "1/pfs")), Endpoint(str(tmp_path / "2/pfs")))


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def hammer_of(copy: Copy) -> str:
    return str(Path(copy.source.path).parents[1] / "sbin/hammer")


def test_copy_brings_the_slave_to_its_master(
    copy: Copy, capsys: pytest.CaptureFixture[str]
) -> None:
    tid = run_copy(hammer_of(copy), copy, environment("/"))

    assert tid == admin.sync_end_tid(Path(copy.target.path))
    assert (Path(copy.target.path) / "file").read_text() == "x" * 100_000
    assert "100 %" in capsys.readouterr().out
    assert run_copy(hammer_of(copy), copy, environment("/")) is None


def test_copy_onto_a_full_disk_fails_although_hammer_exits_with_0(copy: Copy) -> None:
    admin.set_knob(Path(copy.target.path).parent, "full", 1)

    with pytest.raises(CommandFailed, match="fatal error 28") as failed:
        run_copy(hammer_of(copy), copy, environment("/"))
    assert failed.value.hint
