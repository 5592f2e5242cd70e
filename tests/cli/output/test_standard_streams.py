"""Commands with a full, closed or unread stdout or stderr: one line, a status, no traceback."""

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

INVOCATIONS = (
    *(("--help",), ("--version",), ("version",), ("version", "--json"), ("check",)),
    *(("check", "--json"), ("status",), ("status", "--json"), ("status", "-o", "pair", "-H")),
    *(("status", "--watch=0.1"), ("status", "--json", "--watch=0.1"), ("reload", "--json")),
    *(("lag",), ("lag", "home"), ("lag", "--json"), ("events",), ("events", "--json")),
    *(("events", "--follow"), ("pause", "home"), ("resume", "home"), ("restart", "--all")),
    *(("ack", "home", "--json"), *((command, "--help") for command in COMMANDS)),
)


@pytest.fixture
def config(start_daemon, make_status, make_pair, run_dir: Path) -> Path:
    """A config with a daemon that answers every request, and with a history."""
    status = make_status(make_pair("home"))
    status["hammerd"]["history_path"] = str(run_dir / "history.db")
    start_daemon(Answer(status | {"started": ["home"]}))
    event = EventRow(1, "home", "pair.streaming", "info", "{}")
    sample = LagRow(1, "home", "in_sync", 0, 0.0, None, None)
    HistoryFile(run_dir / "history.db", None).write(Rows([event], [sample]))
    config = run_dir / "h.toml"
    config.write_text(f'[daemon]\nrun_dir = "{run_dir}"\nstate_dir = "{run_dir}"\n{GOOD}')
    return config


def run(
    arguments: Sequence[str], redirected: str, config: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command with its streams redirected by a shell."""
    asks = (
        {"-c", str(config)} if arguments[0] in COMMANDS[:-2] and "--help" not in arguments else ()
    )
    words = [arguments[0], *(("-c", str(config)) if asks else ()), *arguments[1:]]
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
@pytest.mark.parametrize("arguments", INVOCATIONS, ids=" ".join)
def test_a_stdout_that_cannot_be_written_is_reported_in_a_line(
    config: Path, arguments: tuple[str, ...], redirected: str, because: str
):
    ran = run(arguments, redirected, config)

    assert (ran.returncode, ran.stdout) == (IO_ERROR, "")
    assert ran.stderr == f"hammerd: cannot write to stdout: {because}\n"


@pytest.mark.parametrize(
    "arguments", [("version",), ("check", "--json"), ("status",), ("--help",)]
)
def test_a_closed_pipe_is_reported_too(config: Path, arguments: tuple[str, ...]):
    reads, writes = os.pipe()
    os.close(reads)
    words = (
        [arguments[0], "-c", str(config), *arguments[1:]]
        if arguments[0] in ("check", "status")
        else [*arguments]
    )

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
@pytest.mark.parametrize("arguments", [(), ("-o", "x"), ("--no-such-option",)])
def test_a_monitor_gets_unknown_if_stdout_cannot_be_written(
    config: Path, arguments: tuple[str, ...], redirected: str
):
    ran = run(("status", "--nagios", *arguments), redirected, config)

    assert (ran.returncode, ran.stdout) == (3, "")
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("redirected", [pytest.param("2>/dev/full", marks=has_full), "2>&-"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("status", "--run-dir", "/nowhere"), 69),
        (("check", "/nowhere"), 66),
        (("explode",), 64),
        (("status", "--watch=x"), 64),
        (("lag", "nobody"), 64),
    ],
)
def test_the_exit_status_reports_a_failure_without_stderr(
    config: Path, arguments: tuple[str, ...], code: int, redirected: str
):
    words = ("--config", str(config), *arguments) if arguments[0] == "lag" else arguments
    ran = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh", *HAMMERD, *words],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (ran.returncode, ran.stderr) == (code, "")


def test_a_closed_stdin_is_no_trouble(config: Path):
    assert run(("status",), "<&-", config).returncode == 0


def test_no_socket_gets_the_number_of_a_closed_stream(config: Path):
    ran = run(("status",), "<&- >&- 2>&-", config)

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


def test_a_stdout_that_does_not_block_is_waited_for(config: Path):
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writes, b"x" * 512)
    with subprocess.Popen([*HAMMERD, "version"], stdout=writes, stderr=subprocess.PIPE) as process:
        os.close(writes)
        with open(reads, "rb") as reader:
            printed = reader.read()
        assert process.stderr is not None
        err = process.stderr.read()

    assert (process.returncode, err) == (0, b"")
    assert printed.lstrip(b"x").startswith(b"hammerd ")
