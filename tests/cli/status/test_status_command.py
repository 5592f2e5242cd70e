"""`hammerd status` with a fake daemon on real sockets."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Answer, Refusal, Request, Verb

HAMMERD = (sys.executable, "-m", "hammerd.cli.main")
MakePair = Callable[..., dict[str, object]]
MakeAnswer = Callable[..., Answer]

TABLE = """\
hammerd 0.1.0 (pid 4711) is running: 1 pair, 1 ok

PAIR  STATE      GEAR       LAG  SLAVE-TID    RATE     UP  RESTARTS
home  streaming  following   0s  0x100580a8f  0B/s  3d04h         1
"""


@pytest.fixture
def home(answer: MakeAnswer, make_pair: MakePair) -> Answer:
    return answer(make_pair("home"))


def test_status_prints_a_plain_table_into_a_pipe(hammerd, start_daemon, run_dir, home):
    daemon = start_daemon(home)

    ran = hammerd("status", "--run-dir", run_dir)

    assert (ran.code, ran.out, ran.err) == (0, TABLE, "")
    assert [("status.sock", Request(Verb.STATUS))] == daemon.requests


def test_status_asks_for_the_named_pairs_once_each(hammerd, start_daemon, run_dir, home):
    daemon = start_daemon(home)

    hammerd("status", "--run-dir", run_dir, "home", "mail", "home")

    assert [("status.sock", Request(Verb.STATUS, ("home", "mail")))] == daemon.requests


def test_json_is_the_daemon_s_answer_unchanged(hammerd, start_daemon, run_dir):
    printed = {"schema_version": 99, "höme": None, "a": [1, 2.5]}
    start_daemon(Answer(printed))

    ran = hammerd("status", "--json", "--run-dir", run_dir)

    assert ran.code == 0
    assert ran.out == '{"schema_version": 99, "höme": null, "a": [1, 2.5]}\n'
    assert printed == json.loads(ran.out)


def test_a_status_of_another_version_is_refused(hammerd, start_daemon, run_dir):
    start_daemon(Answer({"schema_version": 99}))

    ran = hammerd("status", "--run-dir", run_dir)

    assert (ran.code, ran.out) == (76, "")
    assert "answers with a status of version 99, this command knows version 1" in ran.err


def test_unknown_pairs_are_a_usage_error_in_the_daemon_s_words(hammerd, start_daemon, run_dir):
    start_daemon(Refusal('no such pair: "hoem" (did you mean "home"?)', "known: home"))

    ran = hammerd("status", "--run-dir", run_dir, "hoem")

    words = 'hammerd: no such pair: "hoem" (did you mean "home"?)\nhint: known: home\n'
    assert (64, "", words) == (ran.code, ran.out, ran.err)


def test_the_run_dir_may_stand_before_the_command(hammerd, start_daemon, run_dir, home):
    start_daemon(home)

    assert hammerd("--run-dir", run_dir, "status").out == TABLE


@pytest.mark.parametrize("before", [True, False])
def test_the_config_names_the_run_dir(hammerd, start_daemon, run_dir: Path, home, *, before: bool):
    config = run_dir / "hammerd.toml"
    config.write_text(f'[daemon]\nrun_dir = "{run_dir}"\n[pairs.a]\nmaster = "/m"\nslave = "/s"\n')
    start_daemon(home)

    arguments = ("-c", config, "status") if before else ("status", "-c", config)
    assert hammerd(*arguments).out == TABLE


@pytest.mark.parametrize("rest", ["[pears]\nx = 1\n", "[pairs.a]\nmaster = 3\n", ""])
def test_a_config_with_faults_still_locates_the_daemon(
    hammerd, start_daemon, run_dir: Path, home, rest: str
):
    (run_dir / "hammerd.toml").write_text(f'[daemon]\nrun_dir = "{run_dir}"\n{rest}')
    start_daemon(home)

    assert hammerd("status", "-c", run_dir / "hammerd.toml").out == TABLE


def test_a_config_that_is_no_toml_is_reported(hammerd, run_dir: Path):
    (run_dir / "hammerd.toml").write_text("[daemon]\nrun_dir = /tmp\n")

    ran = hammerd("status", "-c", "hammerd.toml", cwd=run_dir)

    assert (ran.code, ran.out) == (78, "")
    assert "line 2, column 11: is not TOML" in ran.err


def test_without_a_daemon_the_socket_and_a_hint_are_printed(hammerd, run_dir):
    ran = hammerd("status", "--run-dir", run_dir)

    words = (
        f"hammerd: no hammerd answers at {run_dir}/status.sock\n"
        "hint: start it with: service hammerd start (or: hammerd run -c FILE); if it runs\n"
        "    elsewhere, name its directory with --run-dir\n"
    )
    assert (69, "", words) == (ran.code, ran.out, ran.err)


def test_watch_prints_the_status_until_interrupted(start_daemon, run_dir, home):
    start_daemon(home)
    command = [*HAMMERD, "status", "--watch=0.1", "--run-dir", str(run_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        shown = "".join(watch.stdout.readline() for _ in range(10))
        watch.send_signal(signal.SIGINT)
        watch.stdout.read()

    assert watch.returncode == 0
    tables = re.split(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, every 0.1 s\n", shown)
    assert tables == ["", TABLE, TABLE]


def test_a_pair_may_follow_watch(start_daemon, run_dir, home):
    daemon = start_daemon(home)
    command = [*HAMMERD, "status", "--run-dir", str(run_dir), "--watch", "home"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        first = watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        watch.stdout.read()

    assert first.endswith(" UTC, every 2 s\n")
    assert [("status.sock", Request(Verb.STATUS, ("home",)))] == daemon.requests


@pytest.mark.long
def test_a_watch_waits_for_a_daemon_that_went_away(start_daemon, run_dir, home):
    start_daemon(home)
    command = [*HAMMERD, "status", "--json", "--watch=0.1", "--run-dir", str(run_dir)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as watch:
        assert watch.stdout is not None
        assert watch.stderr is not None
        watch.stdout.readline()
        (run_dir / "status.sock").rename(run_dir / "gone")
        words = watch.stderr.readline() + watch.stderr.readline()
        (run_dir / "gone").rename(run_dir / "status.sock")
        back = [watch.stdout.readline() for _ in range(50)][-1]
        watch.send_signal(signal.SIGINT)
        rest = watch.stderr.read()

    words = " ".join(words.split())
    assert (
        f"hammerd: no hammerd answers at {run_dir}/status.sock; waiting for it to come back"
        == words
    )
    assert (json.loads(back)["schema_version"], rest, watch.returncode) == (1, "", 0)


def test_a_watch_without_a_daemon_at_the_start_fails(hammerd, run_dir):
    assert hammerd("status", "--watch", "--run-dir", run_dir).code == 69


def test_a_watched_terminal_is_written_over_and_never_cleared(start_daemon, run_dir, home):
    start_daemon(home)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (5, 80))
    command = [*HAMMERD, "status", "--watch=0.1", "--run-dir", str(run_dir)]
    environment = {"TERM": "xterm", "PATH": os.environ["PATH"]}
    with subprocess.Popen(command, stdout=theirs, env=environment) as watch:
        printed = ""
        while printed.count("\x1b[H\x1b[J") < 3:
            printed += os.read(ours, 4096).decode()
        watch.send_signal(signal.SIGINT)
    os.close(theirs)
    drained(ours)

    assert "\x1b[2J" not in printed
    assert "\x1b[3J" not in printed
    screen = re.sub(r"\x1b\[[0-9;]*m", "", printed).split("\x1b[H\x1b[J")[1]
    assert screen.splitlines()[1:] == [
        "hammerd 0.1.0 (pid 4711) is running: 1 pair, 1 ok",
        "",
        "... and 2 more lines: name the pairs to watch",
    ]


def test_a_reader_that_leaves_is_no_traceback(start_daemon, run_dir, home):
    start_daemon(home)
    command = [*HAMMERD, "status", "--watch=0.1", "--run-dir", str(run_dir)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as watch:
        assert watch.stdout is not None
        assert watch.stderr is not None
        watch.stdout.readline()
        watch.stdout.close()
        err = watch.stderr.read()

    assert (watch.returncode, err) == (74, "hammerd: cannot write to stdout: Broken pipe\n")


def test_a_terminal_gets_the_same_table_in_colour(start_daemon, run_dir, home):
    start_daemon(home)
    ours, theirs = pty.openpty()
    environment = {"TERM": "xterm", "PATH": os.environ["PATH"]}
    command = [*HAMMERD, "status", "--run-dir", str(run_dir)]
    subprocess.run(command, stdout=theirs, env=environment, check=True)
    os.close(theirs)
    printed = drained(ours)

    assert "\x1b[32mstreaming\x1b[0m" in printed
    assert re.sub(r"\x1b\[[0-9;]*m", "", printed).replace("\r\n", "\n") == TABLE


def drained(terminal: int) -> str:
    """Read a terminal whose other side is closed; its end reads as EIO on Linux, as EOF on BSD."""
    content = b""
    try:
        while chunk := os.read(terminal, 4096):
            content += chunk
    except OSError:
        pass
    os.close(terminal)
    return content.decode()


def test_a_script_s_status_loads_neither_rich_nor_the_daemon(start_daemon, run_dir, home):
    start_daemon(home)
    script = (
        "import sys; from hammerd.cli.main import main; "
        f"main(['status', '--run-dir', '{run_dir}']); "
        "heavy = {'rich', 'structlog', 'psutil', 'tenacity', 'asyncio', 'tomllib', 'pathlib', "
        "'difflib', 'tempfile', 'hammerd.core.pairs', 'hammerd.cli.commands.pair_requests'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    printed = subprocess.check_output([sys.executable, "-c", script], text=True)

    assert printed == TABLE + "[]\n"


@pytest.mark.parametrize(
    "value", ["x", "nan", "inf", "-1", "1e3", "", "0", "9" * 23, "9" * 400, "5 parsecs", "home"]
)
def test_an_invalid_watch_interval_is_wrong_usage(hammerd, run_dir, value: str):
    ran = hammerd("status", f"--watch={value}", "--run-dir", run_dir)

    assert (ran.code, ran.out) == (64, "")
    assert "Error:" in ran.err


@pytest.mark.parametrize(
    "arguments", [("--watch=1s",), ("--watch", "1s"), ("--watch=0.1m",), ("--watch", "1", "home")]
)
def test_a_watch_takes_a_duration(start_daemon, run_dir, home, arguments: tuple[str, ...]):
    start_daemon(home)
    command = [*HAMMERD, "status", "--run-dir", str(run_dir), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        first = watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        watch.stdout.read()

    assert first.endswith((", every 1 s\n", ", every 6 s\n"))
