"""The demo as a user runs it, and the failures of its checks."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from hammerd.cli.demo.fake_root import FakeRoot
from hammerd.cli.demo.streams import StreamScanner, end_processes_below, processes_below
from hammerd.cli.demo.trees import differences, digest, read_tree
from hammerd.cli.demo.tutorial import make_pair
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.exit_codes import Exit
from tests.paths import ROOT

DEMO = (sys.executable, "-m", "hammerd.cli.main", "demo")
TRANSCRIPT = ROOT / "docs/demo.md"
PATIENCE_S = 300


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    # pytest's own directories are too long for the name of a Unix socket.
    with tempfile.TemporaryDirectory(prefix="h", dir="/tmp") as path:
        yield Path(path)


def shape(transcript: str) -> list[str]:
    """Return headings, commands and results, with placeholders for what differs in each run."""
    lines = re.findall(r"^(?:== |# (?!The demo)|-> ).*", transcript, re.MULTILINE)
    nameless = (re.sub(r"[0-9a-f]{8}(?:-[0-9a-f]+){4}", "UUID", line) for line in lines)
    return [re.sub(r"\d+(?:\.\d+)?", "N", line) for line in nameless]


def root_of(output: str) -> Path:
    found = re.search(r"lives below (\S+);", output)
    assert found is not None
    return Path(found[1])


@pytest.mark.timeout(PATIENCE_S)
def test_demo_kills_everything_and_proves_that_the_slave_followed(short_tmp: Path) -> None:
    """One run, on a machine that is so busy that the daemon stands still for a while."""
    # A first line of a script takes no path with blanks, and none that is so long.
    link = short_tmp / f"a path with blanks {'x' * 120}"
    link.symlink_to(sys.prefix)
    demo = (link / "bin" / Path(sys.executable).name, *DEMO[1:])

    status, output, errors = run_while_the_daemon_stands_still(demo)

    assert (status, errors) == (0, ""), output
    assert "Still waiting after" in output
    lines = output.splitlines()
    assert "# hammer mirror-copy /Backup1/test /Backup2/pfs/test" in lines
    assert "Mirror-read /Backup1/test succeeded" in lines
    assert sum(line.startswith("-> streams again after") for line in lines) == 8
    assert "-> it ended with status 0 and left no process" in lines
    assert "-> names, types, modes, contents and link targets are the same" in lines
    assert "never two writers" in lines[-1]
    assert "\x1b" not in output
    assert shape(output) == shape(TRANSCRIPT.read_text())
    root = root_of(output)
    assert not root.exists()
    assert processes_below(root) == {}


def run_while_the_daemon_stands_still(demo: Sequence[str | Path]) -> tuple[int, str, str]:
    """Run a demo; its daemon is stopped from its first stream until the demo tells of that."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(demo, text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        output, held = "", 0
        for line in process.stdout:
            output += line
            if not held and "pair.streaming" in line:
                [held] = [
                    pid
                    for pid, words in processes_below(root_of(output)).items()
                    if "hammerd.cli.main run" in words
                ]
                os.kill(held, signal.SIGSTOP)
            if "Still waiting after" in line:
                os.kill(held, signal.SIGCONT)
        errors = process.stderr.read()
    return process.returncode, output, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demo_leaves_nothing_behind(number: signal.Signals) -> None:
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        output = ""
        for line in demo.stdout:
            output += line
            if "pair.streaming" in line:
                break
        demo.send_signal(number)
        output += demo.stdout.read()

    assert demo.returncode == Exit.INTERRUPTED
    assert not root_of(output).exists()
    assert processes_below(root_of(output)) == {}


def test_a_directory_with_files_is_refused_and_not_changed(short_tmp: Path) -> None:
    (short_tmp / "mine").touch()

    ended = subprocess.run(
        [*DEMO, "--keep", short_tmp], capture_output=True, text=True, check=False
    )

    assert ended.returncode == Exit.USAGE
    assert "is not empty" in ended.stderr
    assert [short_tmp / "mine"] == list(short_tmp.iterdir())


def test_two_streams_on_one_slave_are_detected(short_tmp: Path) -> None:
    fake_root = FakeRoot(short_tmp)
    fake_root.build()
    make_pair(fake_root)
    words = [
        fake_root.hammer,
        "mirror-stream",
        fake_root.path("/Backup1/test"),
        fake_root.path("/Backup2/test"),
    ]
    scanner = StreamScanner(fake_root.hammer)
    streams = [subprocess.Popen(words, start_new_session=True) for _ in range(2)]
    try:
        with pytest.raises(CommandFailed, match="two streams write onto one slave"):
            scan_for_a_while(scanner)
    finally:
        end_processes_below(short_tmp)
        for stream in streams:
            stream.wait()


def scan_for_a_while(scanner: StreamScanner) -> None:
    deadline_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_at:
        scanner.scan()


def make_tree(root: Path) -> Path:
    (root / "etc").mkdir(parents=True)
    (root / "etc").chmod(0o755)
    (root / "etc" / "rc").write_text("one")
    (root / "link").symlink_to("etc")
    return root


def test_equal_trees_have_one_digest_and_no_difference(tmp_path: Path) -> None:
    master, slave = (read_tree(make_tree(tmp_path / name)) for name in ("master", "slave"))

    assert differences(master, slave) == ()
    assert digest(master) == digest(slave)


def relink(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("elsewhere")


def make_it_a_file(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").write_text("etc")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda slave: (slave / "new").touch(), "new: only on the slave"),
        (lambda slave: (slave / "etc" / "rc").unlink(), "etc/rc: only on the master"),
        (
            lambda slave: (slave / "etc" / "rc").write_text("two"),
            "etc/rc: other content: 3 bytes on the master, 3 on the slave",
        ),
        (
            lambda slave: (slave / "etc").chmod(0o700),
            "etc: mode 0755 on the master, 0700 on the slave",
        ),
        (relink, "link: points to etc on the master, to elsewhere on the slave"),
        (make_it_a_file, "link: a symlink on the master, a file on the slave"),
    ],
)
def test_a_slave_that_differs_is_detected(
    tmp_path: Path, change: Callable[[Path], object], line: str
) -> None:
    master, slave = (make_tree(tmp_path / name) for name in ("master", "slave"))
    change(slave)

    assert (line,) == differences(read_tree(master), read_tree(slave))
    assert digest(read_tree(master)) != digest(read_tree(slave))
