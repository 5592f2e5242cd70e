"""hammerd-rsh execs ssh with hammer's words and the options that hammer does not pass on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hammerd import rsh
from hammerd.core.hammer.commands import stream_environment
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint, Gear, Pair, StreamOptions

RSH = (sys.executable, "-IS", str(Path(rsh.__file__)))
READER = ("hammer", "-vv", "-2", "-S", "4294967296", "mirror-read-stream", "/pfs/a")
WRITER = ("hammer", "-vv", "-2", "mirror-write", "/pfs/b")


@pytest.fixture
def fake_ssh(tmp_path: Path) -> Path:
    """Return a program that prints its argv as JSON, and its environment's names."""
    program = tmp_path / "ssh"
    program.write_text(
        f"#!{Path(sys.executable).resolve()}\nimport json, os, sys\n"
        "print(json.dumps([sys.argv[1:], sorted(os.environ)]))\n"
    )
    program.chmod(0o755)
    return program


def run(words: tuple[str, ...], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RSH, *words], env=env, capture_output=True, text=True, check=False)


def environment(ssh: Path, gear: Gear) -> dict[str, str]:
    host = SshHost(
        "far.example", "root", SshSettings(program=str(ssh), remote_hammer="/sbin/hammer")
    )
    pair = Pair(
        "home",
        Endpoint("/pfs/a", host),
        Endpoint("/pfs/b", host),
        options=StreamOptions(bandwidth_bytes=1 << 20),
    )
    return dict(stream_environment("/root", "hammerd-rsh", pair, gear))


@pytest.mark.parametrize(
    "before",
    [
        ("far.example",),
        ("-l", "root", "far.example"),
        ("-C", "-l", "root", "far.example", "-p", "22"),
        ("far.example", "-p", "22"),
    ],
)
def test_remote_reader_gets_the_options_that_hammer_drops(
    fake_ssh: Path, before: tuple[str, ...]
) -> None:
    done = run((*before, *READER), environment(fake_ssh, Gear.FOLLOWING))

    argv, names = json.loads(done.stdout)
    assert argv[-1] == (
        "/sbin/hammer -i 1 -b 1048576 -B -vv -2 -S 4294967296 mirror-read-stream /pfs/a"
    )
    assert argv[-3:-1] == ["--", "far.example"]
    assert {"HAMMERD_RSH", "HAMMER_RSH"} & set(names) == set()
    assert done.stderr == "hammerd-rsh: connecting to root@far.example (master of home)\n"


def test_remote_writer_gets_no_options_of_a_reader(fake_ssh: Path) -> None:
    done = run(("far.example", *WRITER), environment(fake_ssh, Gear.BULK))

    assert json.loads(done.stdout)[0][-1] == "/sbin/hammer -vv -2 mirror-write /pfs/b"
    assert done.stderr == "hammerd-rsh: connecting to root@far.example (slave of home)\n"


def test_a_guard_goes_before_the_remote_writer(fake_ssh: Path) -> None:
    host = SshHost("far.example", "root", SshSettings(program=str(fake_ssh)))
    pair = Pair("home", Endpoint("/pfs/a"), Endpoint("/pfs/b", host))
    guard = host.guard("me", "/pfs/b")
    env = stream_environment("/root", "hammerd-rsh", pair, Gear.BULK, guard)
    done = run(("far.example", *WRITER), dict(env))

    assert json.loads(done.stdout)[0][-1] == f"{guard} hammer -vv -2 mirror-write /pfs/b"
    assert guard


@pytest.mark.parametrize(
    ("words", "value", "says"),
    [
        (("far", *WRITER), None, "HAMMERD_RSH is not set: hammerd runs this program"),
        (("far", *WRITER), "{", "HAMMERD_RSH holds nothing for the slave of a pair"),
        (("far", *WRITER), "[]", "HAMMERD_RSH holds nothing for the slave of a pair"),
        (("far", *WRITER), '{"pair":"x"}', "HAMMERD_RSH holds nothing for the slave of a pair"),
        (("far", "hammer", "pfs-destroy", "/x"), "{}", "these are no words of a mirror's half"),
        (("far",), "{}", "these are no words of a mirror's half: far"),
        ((), "{}", "these are no words of a mirror's half: "),
    ],
)
def test_other_calls_are_refused_in_a_marked_line(
    words: tuple[str, ...], value: str | None, says: str
) -> None:
    done = run(words, {} if value is None else {"HAMMERD_RSH": value})

    assert done.returncode == os.EX_USAGE
    assert done.stderr.startswith(f"hammerd-rsh: {says}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("ssh", [[1], ["/bin/echo", "a\0b"], ["\ud800"]])
def test_words_that_no_program_can_have_are_refused_in_a_marked_line(ssh: list[object]) -> None:
    half = {"to": "far", "ssh": ssh, "hammer": "hammer", "words": [], "guard": ""}
    done = run(("far", *WRITER), {"HAMMERD_RSH": json.dumps({"pair": "x", "slave": half})})

    assert done.returncode == os.EX_UNAVAILABLE
    assert done.stderr.splitlines()[-1].startswith("hammerd-rsh: cannot run these words: ")


def test_missing_ssh_is_named(tmp_path: Path) -> None:
    done = run(("far", *WRITER), environment(tmp_path / "none", Gear.BULK))

    assert done.returncode == os.EX_UNAVAILABLE
    last = done.stderr.splitlines()[-1]
    assert last == f"hammerd-rsh: cannot run {tmp_path}/none: No such file or directory"
