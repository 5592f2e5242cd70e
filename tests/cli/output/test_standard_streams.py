"""A stdout or stderr that is full, closed or read by nobody: a line, a status, no traceback."""

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from hammerd.cli.group import COMMANDS
from hammerd.core.api.history_schema import EventRow, LagRow
from hammerd.core.api.protocol import Answer, Refusal
from hammerd.daemon.history.database import HistoryFile, Rows
from tests.cli.conftest import HAMMERD

GOOD = '[pairs.home]\nmaster = "/m"\nslave = "/s"\n'
IO_ERROR = 74

has_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")

SAID = (
    *(("--help",), ("--version",), ("version",), ("version", "--json"), ("check",)),
    *(("check", "--json"), ("status",), ("status", "--json"), ("status", "-o", "pair", "-H")),
    *(("status", "--watch=0.1"), ("status", "--json", "--watch=0.1"), ("reload", "--json")),
    *(("lag",), ("lag", "home"), ("lag", "--json"), ("events",), ("events", "--json")),
    *(("events", "--follow"), ("pause", "home"), ("resume", "home"), ("restart", "--all")),
    *(("ack", "home", "--json"), *((command, "--help") for command in COMMANDS)),
)


@pytest.fixture
def place(start_daemon, make_status, make_pair, run_dir: Path) -> Path:
    """A daemon that answers everything, and a history."""
    status = make_status(make_pair("home"))
    status["hammerd"]["history_path"] = str(run_dir / "history.db")
    start_daemon(Answer(status | {"started": ["home"]}))
    event = EventRow(1, "home", "pair.streaming", "info", "{}")
    sample = LagRow(1, "home", "in_sync", 0, 0.0, None, None)
    HistoryFile(run_dir / "history.db", None).write(Rows([event], [sample]))
    config = run_dir / "h.toml"
    config.write_text(f'[daemon]\nrun_dir = "{run_dir}"\nstate_dir = "{run_dir}"\n{GOOD}')
    return config


def run(said: Sequence[str], redirected: str, config: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with its streams redirected by a shell."""
    asks = {"-c", str(config)} if said[0] in COMMANDS[:-2] and "--help" not in said else ()
    words = [said[0], *(("-c", str(config)) if asks else ()), *said[1:]]
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh", *HAMMERD, *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("redirected", "because"),
    [
        pytest.param(">/dev/full", "No space left on device", marks=has_full),
        (">&-", "it is closed"),
    ],
)
@pytest.mark.parametrize("said", SAID, ids=" ".join)
def test_a_stdout_that_cannot_be_written_is_told_in_a_line(
    place: Path, said: tuple[str, ...], redirected: str, because: str
):
    ran = run(said, redirected, place)

    assert (ran.returncode, ran.stdout) == (IO_ERROR, "")
    assert ran.stderr == f"hammerd: cannot write to stdout: {because}\n"


@pytest.mark.parametrize("said", [("version",), ("check", "--json"), ("status",), ("--help",)])
def test_a_reader_that_left_is_told_too(place: Path, said: tuple[str, ...]):
    reads, writes = os.pipe()
    os.close(reads)
    words = [said[0], "-c", str(place), *said[1:]] if said[0] in ("check", "status") else [*said]

    ran = subprocess.run(
        [*HAMMERD, *words], check=False, stdout=writes, stderr=subprocess.PIPE, text=True
    )
    os.close(writes)

    assert ran.returncode == IO_ERROR
    assert ran.stderr == "hammerd: cannot write to stdout: Broken pipe\n"


@pytest.mark.parametrize(
    "redirected",
    [
        pytest.param(">/dev/full", marks=has_full),
        pytest.param(">/dev/full 2>/dev/full", marks=has_full),
        ">&-",
        ">&- 2>&-",
    ],
)
@pytest.mark.parametrize("said", [(), ("-o", "x"), ("--no-such-option",)])
def test_a_monitor_is_told_unknown(place: Path, said: tuple[str, ...], redirected: str):
    ran = run(("status", "--nagios", *said), redirected, place)

    assert (ran.returncode, ran.stdout) == (3, "")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("redirected", [pytest.param("2>/dev/full", marks=has_full), "2>&-"])
@pytest.mark.parametrize(
    ("said", "code"),
    [
        (("status", "--run-dir", "/nowhere"), 69),
        (("check", "/nowhere"), 66),
        (("explode",), 64),
        (("status", "--watch=x"), 64),
        (("lag", "nobody"), 64),
    ],
)
def test_what_nobody_can_be_told_is_in_the_status(
    place: Path, said: tuple[str, ...], code: int, redirected: str
):
    words = ("--config", str(place), *said) if said[0] == "lag" else said
    ran = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh", *HAMMERD, *words],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (ran.returncode, ran.stderr) == (code, "")


def test_a_closed_stdin_is_no_trouble(place: Path):
    assert run(("status",), "<&-", place).returncode == 0


def test_no_socket_gets_the_number_of_a_closed_stream(place: Path):
    ran = run(("status",), "<&- >&- 2>&-", place)

    assert (ran.returncode, ran.stdout, ran.stderr) == (IO_ERROR, "", "")


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "en_US.ISO8859-1"])
def test_no_character_ends_a_command(hammerd, start_daemon, run_dir: Path, locale: str):
    start_daemon(Refusal("a \ud800 and \u20ac and \x1b[31m", "what \udcff?"))
    environment = os.environ | {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    ran = subprocess.run(
        [*HAMMERD, "resume", "home", "--run-dir", str(run_dir)],
        check=False,
        capture_output=True,
        env=environment,
    )

    assert (ran.returncode, ran.stdout) == (64, b"")
    assert b"\\ud800" in ran.stderr


def test_a_stdout_that_does_not_block_is_waited_for(place: Path):
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writes, b"x" * 512)
    with subprocess.Popen([*HAMMERD, "version"], stdout=writes, stderr=subprocess.PIPE) as told:
        os.close(writes)
        with open(reads, "rb") as reader:
            said = reader.read()
        assert told.stderr is not None
        err = told.stderr.read()

    assert (told.returncode, err) == (0, b"")
    assert said.lstrip(b"x").startswith(b"hammerd ")
