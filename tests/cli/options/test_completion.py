"""Completion of command lines: the protocol, and the scripts in real shells."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Answer
from tests.paths import ROOT
from tests.waiting import DEADLINE_S

SCRIPTS = ROOT / "etc/completion"
CONFIG = "".join(f'[pairs.{name}]\nmaster = "/m/{name}"\n' for name in ("home", "host2", "web"))
"""A config with faults: no pair has a slave."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    config = tmp_path / "hammerd.toml"
    config.write_text(CONFIG)
    return config


@pytest.fixture
def complete(hammerd, monkeypatch: pytest.MonkeyPatch):
    """Complete a line as bash asks for it; return the completions."""

    def run(line: str) -> list[str]:
        monkeypatch.setenv("_HAMMERD_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", f"hammerd {line}")
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" "))))
        ran = hammerd()
        assert (ran.code, ran.err) == (0, "")
        return [each.removeprefix("plain,") for each in ran.out.split()]

    return run


@pytest.mark.parametrize(
    "command",
    [
        *("status", "lag", "events", "pause", "resume", "restart", "ack", "wait", "verify"),
        *("doctor", "provision", "promote", "switchover", "reseed", "authorized-keys"),
    ],
)
def test_pairs_are_completed_wherever_one_is_named(complete, config: Path, command: str) -> None:
    assert complete(f"-c {config} {command} ho") == ["home", "host2"]


def test_pair_is_offered_once(complete, config: Path) -> None:
    assert complete(f"pause -c {config} home h") == ["host2"]


def test_pairs_of_the_running_daemon_come_first(
    complete, start_daemon, make_status, make_pair, config: Path
) -> None:
    daemon = start_daemon(Answer(make_status(make_pair("other"))))

    assert complete(f"-c {config} --run-dir {daemon.run_dir} pause ") == ["other"]


def test_nothing_is_completed_where_no_pair_is_known(complete, tmp_path: Path) -> None:
    assert complete(f"-c {tmp_path}/missing pause ") == []


def test_commands_and_options_are_completed(complete) -> None:
    assert complete("pro") == ["provision", "promote"]
    assert "--since" in complete("lag --s")


def test_options_with_files_leave_them_to_the_shell(complete) -> None:
    assert complete("status -c ") == ["file,"]


@dataclass
class Terminal:
    """A shell at the other end of a pseudo-terminal."""

    fd: int
    seen: str = ""

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait_for(self, pattern: str) -> None:
        """Read until a pattern was printed since the last one."""
        end_at = time.monotonic() + DEADLINE_S
        while (found := re.search(pattern, self.seen)) is None:
            left_s = end_at - time.monotonic()
            assert left_s > 0, f"no {pattern!r} in {self.seen!r}"
            if select.select([self.fd], [], [], left_s)[0]:
                self.seen += os.read(self.fd, 65536).decode(errors="replace")
        self.seen = self.seen[found.end() :]


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "hammerd.bash", ""),
    "zsh": (["zsh", "-f", "-i"], "_hammerd", "autoload -U compinit; compinit -u -D; "),
    "tcsh": (["tcsh", "-f"], "hammerd.tcsh", "set edit; "),
}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Make a program named hammerd, for PATH."""
    program = tmp_path / "bin/hammerd"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path[:0] = {[str(ROOT), *sys.path]!r}\n"
        "from hammerd.cli.main import main\nsys.exit(main())\n"
    )
    program.chmod(0o755)
    return program


@pytest.fixture
def terminal(request: pytest.FixtureRequest, program: Path) -> Iterator[Terminal]:
    words, script, before = SHELLS[request.param]
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(PATH=f"{program.parent}:{os.environ['PATH']}", TERM="vt100")
        os.environ.update(HOME=str(program.parent), PS1="% ")
        os.execvp(words[0], words)
    terminal = Terminal(fd)
    terminal.type(f"{before}source '{SCRIPTS / script}'; echo rea''dy\n")
    terminal.wait_for("ready\r")
    yield terminal
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(fd)


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
needs_zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
needs_tcsh = pytest.mark.skipif(shutil.which("tcsh") is None, reason="no tcsh here")


@pytest.mark.parametrize(
    "terminal",
    [
        pytest.param("bash", marks=needs_bash),
        pytest.param("zsh", marks=needs_zsh),
        pytest.param("tcsh", marks=needs_tcsh),
    ],
    indirect=True,
)
def test_shell_completes_a_pair(terminal: Terminal, config: Path) -> None:
    terminal.type(f"hammerd -c {config} pause we\t")
    terminal.wait_for("pause web")

    terminal.type("\x15hammerd prov\t")
    terminal.wait_for("hammerd provision")


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish_completes_a_pair(config: Path, program: Path) -> None:
    script = f"source '{SCRIPTS / 'hammerd.fish'}'; complete --do-complete '{{}}'"
    lines = {
        f"hammerd -c {config} pause ho": ["home", "host2"],
        "hammerd prov": ["provision"],
    }
    for line, expected in lines.items():
        ran = subprocess.run(
            ["fish", "--no-config", "-c", script.format(line)],
            env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert [each.partition("\t")[0] for each in ran.stdout.splitlines()] == expected
