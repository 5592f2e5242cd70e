"""The other commands: what they ask, print, and end with."""

import subprocess
import sys
from pathlib import Path

import pytest

from hammerd import __version__
from hammerd.core.control_messages import Answer, Refusal, Request, Verb

COMMANDS = ("run", "check", "status", "pause", "resume", "restart", "version")
GOOD = '[pairs.a]\nmaster = "/m"\nslave = "/s"\n'


@pytest.mark.parametrize(
    ("said", "request_sent", "printed"),
    [
        (("pause", "home"), Request(Verb.PAUSE, ("home",)), "paused: home\n"),
        (
            ("pause", "home", "--for", "2h"),
            Request(Verb.PAUSE, ("home",), 7200.0),
            "paused for 2h: home\n",
        ),
        (("pause", "--all"), Request(Verb.PAUSE), "paused: home\n"),
        (("resume", "home", "home"), Request(Verb.RESUME, ("home",)), "resumed: home\n"),
        (("restart", "--all"), Request(Verb.RESTART), "restarting: home\n"),
    ],
)
def test_pairs_are_asked_for_on_the_control_socket(
    hammerd, start_daemon, said: tuple[str, ...], request_sent: Request, printed: str
):
    daemon = start_daemon(Answer({"pairs": ["home"]}))

    ran = hammerd(*said, "--run-dir", daemon.run_dir)

    assert (0, printed, "") == (ran.code, ran.out, ran.err)
    assert [("control.sock", request_sent)] == daemon.heard


@pytest.mark.parametrize("verb", ["pause", "resume", "restart"])
@pytest.mark.parametrize("pairs", [(), ("home", "--all")])
def test_all_pairs_are_only_meant_when_said(hammerd, start_daemon, run_dir, verb, pairs):
    daemon = start_daemon(Answer({}))

    ran = hammerd(verb, *pairs, "--run-dir", run_dir)

    assert (ran.code, ran.out) == (64, "")
    assert daemon.heard == []


def test_a_pause_needs_a_duration_with_its_unit(hammerd):
    ran = hammerd("pause", "home", "--for", "3")

    assert ran.code == 64
    assert '3 is not a duration: write one number and a unit: "30s"' in ran.err


def test_a_refusal_ends_with_its_code(hammerd, start_daemon, run_dir):
    start_daemon(Refusal("hammerd is stopping", code=69))

    ran = hammerd("restart", "home", "--run-dir", run_dir)

    assert (ran.code, ran.out, ran.err) == (69, "", "hammerd: hammerd is stopping\n")


@pytest.mark.parametrize(
    "said", [("explode",), ("status", "--no-such-option"), ("status", "--watch=0"), ("-x",)]
)
def test_wrong_usage_ends_with_64(hammerd, said: tuple[str, ...]):
    ran = hammerd(*said)

    assert (ran.code, ran.out) == (64, "")
    assert "Usage: hammerd" in ran.err


def test_check_counts_the_pairs_of_a_good_config(hammerd, tmp_path: Path):
    (tmp_path / "good.toml").write_text(GOOD)

    ran = hammerd("check", "good.toml", cwd=tmp_path)

    assert (ran.code, ran.out, ran.err) == (0, "good.toml: 1 pair, no faults\n", "")


def test_check_tells_every_fault_and_ends_with_78(hammerd, tmp_path: Path):
    (tmp_path / "bad.toml").write_text(GOOD + 'delay = 5\nlag_warnin = "5m"\n')

    ran = hammerd("check", "bad.toml", cwd=tmp_path)

    words = """\
hammerd: bad.toml: 2 faults
  pairs.a.delay: needs a unit (got 5)
    hint: write "5s" for seconds
  pairs.a.lag_warnin: is not a key
    hint: did you mean "lag_warning"?
"""
    assert (78, "", words) == (ran.code, ran.out, ran.err)


def test_check_ends_with_66_when_there_is_nothing_to_read(hammerd, tmp_path: Path):
    ran = hammerd("check", "none.toml", cwd=tmp_path)

    assert (ran.code, ran.out) == (66, "")
    assert "hammerd: cannot read none.toml: No such file or directory\n" in ran.err


def test_version_is_told_twice_alike(hammerd):
    assert {f"hammerd {__version__}\n"} == {hammerd("version").out, hammerd("--version").out}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example(hammerd, command: str):
    ran = hammerd(command, "--help")

    assert ran.code == 0
    assert f"Example: hammerd {command}" in ran.out


def test_without_click_the_missing_package_is_named():
    script = (
        "import sys; sys.modules['click'] = None; "
        "from hammerd.cli.main import main; sys.exit(main(['version']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )

    assert ran.returncode == 69
    assert ran.stderr.startswith("hammerd: click is not installed\nhint: pip install")
