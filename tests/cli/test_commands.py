"""The other commands: their requests, output and exit statuses."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hammerd import __version__
from hammerd.cli.check import path_check
from hammerd.cli.group import COMMANDS
from hammerd.cli.main import main
from hammerd.core import paths
from hammerd.core.api.protocol import Answer, Refusal, Request, Verb
from hammerd.core.config.path_warnings import PfsLink
from hammerd.daemon.paths import probe_program
from tests.paths import ROOT

GOOD = '[pairs.a]\nmaster = "/m"\nslave = "/s"\nflush_every = "10s"\n'


NOTE = "note: hammer was not asked of the ends: there is no /sbin/hammer here\n"


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "request_sent", "printed"),
    [
        (("pause", "home"), Request(Verb.PAUSE, ("home",)), "paused: home\n"),
        (
            ("pause", "home", "--for", "2h"),
            Request(Verb.PAUSE, ("home",), 7200.0),
            "paused for 2h: home\n",
        ),
        (("pause", "--all"), Request(Verb.PAUSE), "paused: home\n"),
        (("resume", "home", "home"), Request(Verb.RESUME, ("home",)), "asked to run: home\n"),
        (("ack", "home"), Request(Verb.ACK, ("home",)), "acknowledged: home\n"),
        (("ack", "h*"), Request(Verb.ACK, ("h*",)), "acknowledged: home\n"),
        (("restart", "--all"), Request(Verb.RESTART), "restarting: home\n"),
    ],
)
def test_requests_for_pairs_go_to_the_control_socket(
    hammerd, start_daemon, arguments: tuple[str, ...], request_sent: Request, printed: str
):
    daemon = start_daemon(Answer({"pairs": ["home"]}))

    ran = hammerd(*arguments, "--run-dir", daemon.run_dir)

    assert (0, printed, "") == (ran.code, ran.out, ran.err)
    assert [("control.sock", request_sent)] == daemon.requests


@pytest.mark.parametrize("verb", ["pause", "resume", "restart", "ack"])
@pytest.mark.parametrize("pairs", [(), ("home", "--all")])
def test_all_pairs_need_the_option_all(hammerd, start_daemon, run_dir, verb, pairs):
    daemon = start_daemon(Answer({}))

    ran = hammerd(verb, *pairs, "--run-dir", run_dir)

    assert (ran.code, ran.out) == (64, "")
    assert daemon.requests == []


def test_a_pause_needs_a_duration_with_its_unit(hammerd):
    ran = hammerd("pause", "home", "--for", "3")

    assert ran.code == 64
    assert "3 is not a duration: write numbers with units, the largest first" in flat(ran.err)


def test_a_refusal_ends_with_its_code(hammerd, start_daemon, run_dir):
    start_daemon(Refusal("hammerd is stopping", code=69))

    ran = hammerd("restart", "home", "--run-dir", run_dir)

    assert (ran.code, ran.out, ran.err) == (69, "", "hammerd is stopping\n")


def test_a_result_that_was_not_saved_is_a_warning(hammerd, start_daemon, run_dir):
    because = "/var/db/hammerd/state.json.new: No space left on device"
    start_daemon(Answer({"pairs": ["a"], "unsaved_because": because}))

    ran = hammerd("pause", "a", "--run-dir", run_dir, columns=200)

    assert (ran.code, ran.out) == (0, "paused: a\n")
    assert ran.err.splitlines() == [
        f"hammerd: done, but not saved: {because}",
        "hint: it does not outlive hammerd until it is; hammerd tries again each minute",
    ]


def test_restart_all_prints_the_pairs_left_paused(hammerd, start_daemon, run_dir):
    start_daemon(Answer({"pairs": ["a", "b"], "left_paused": ["c"]}))

    ran = hammerd("restart", "--all", "--run-dir", run_dir)

    assert (ran.code, ran.out) == (0, "restarting: a, b; left paused: c\n")


def test_a_pause_may_have_several_units(hammerd, start_daemon, run_dir):
    daemon = start_daemon(Answer({"pairs": ["home"]}))

    ran = hammerd("pause", "home", "--for", "1h30m", "--run-dir", run_dir)

    assert ran.out == "paused for 90m: home\n"
    assert daemon.requests == [("control.sock", Request(Verb.PAUSE, ("home",), 5400.0))]


@pytest.mark.parametrize(
    "arguments", [("explode",), ("status", "--no-such-option"), ("status", "--watch=0"), ("-x",)]
)
def test_wrong_usage_ends_with_64(hammerd, arguments: tuple[str, ...]):
    ran = hammerd(*arguments)

    assert (ran.code, ran.out) == (64, "")
    assert "Usage: hammerd" in ran.err


@pytest.mark.parametrize(
    "command", ["provision", "promote", "switchover", "reseed", "authorized-keys"]
)
def test_a_command_for_one_pair_takes_no_pattern(command: str, capsys):
    assert main([command, "h*"]) == 64
    assert "h* is a pattern, and this command takes the name of one pair" in " ".join(
        capsys.readouterr().err.split()
    )


def test_without_a_command_the_help_is_printed_once(hammerd):
    ran = hammerd()

    text = ran.out + ran.err
    assert text.count("Usage:") == 1
    assert "Error:" not in text


def test_check_counts_the_pairs_of_a_good_config(hammerd, tmp_path: Path):
    (tmp_path / "good.toml").write_text(GOOD)

    ran = hammerd("check", "good.toml", cwd=tmp_path)

    assert (ran.code, ran.out, ran.err) == (0, f"good.toml: 1 pair, no faults\n{NOTE}", "")


def test_check_prints_every_fault_and_exits_with_78(hammerd, tmp_path: Path):
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


def test_check_advises_to_flush_and_exits_with_0(hammerd, tmp_path: Path):
    quiet = 'flush_every = "10s"\n'
    (tmp_path / "lax.toml").write_text(GOOD.replace(quiet, ""))

    ran = hammerd("check", "--strict", "lax.toml", cwd=tmp_path, columns=1000)

    first, *_, last = ran.out.splitlines()
    assert (ran.code, ran.err, first) == (0, "", "lax.toml: 1 pair, no faults")
    assert last.startswith('advice: flush_every is not set for "a": flush_every = "10s" makes')


def test_check_advises_for_a_remote_master_only_about_local_flushes(hammerd, tmp_path: Path):
    far = GOOD.replace('master = "/', 'master = "host:/').replace('flush_every = "10s"\n', "")
    (tmp_path / "far.toml").write_text(far)

    ran = hammerd("check", "--no-ends", "far.toml", cwd=tmp_path, columns=1000)

    last = ran.out.splitlines()[-1]
    assert last.startswith('advice: flush_every is not set for "a"')
    assert "makes a crash lose" not in last
    assert "power cut of this host" in last


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "good.toml"),
        ("check", "-c", "good.toml"),
        ("-c", "good.toml", "check"),
        ("-c", "none.toml", "check", "good.toml"),
    ],
)
def test_a_config_may_be_named_in_every_way(hammerd, tmp_path: Path, arguments: tuple[str, ...]):
    (tmp_path / "good.toml").write_text(GOOD)

    assert hammerd(*arguments, cwd=tmp_path).out == f"good.toml: 1 pair, no faults\n{NOTE}"


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_config_is_named_once(hammerd, command: str):
    ran = hammerd(command, "a.toml", "-c", "b.toml")

    assert (ran.code, ran.out) == (64, "")
    assert "name one config: FILE or -c FILE, not both" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "{}"),
        ("run", "{}"),
        ("run", "-c", "{}"),
        ("-c", "{}", "run"),
        ("status", "-c", "{}"),
        ("pause", "a", "-c", "{}"),
    ],
)
@pytest.mark.parametrize(
    ("name", "reason"), [("none.toml", "No such file or directory"), ("dir", "Is a directory")]
)
def test_every_command_reports_an_unreadable_config_in_the_same_way(
    hammerd, tmp_path: Path, arguments: tuple[str, ...], name: str, reason: str
):
    (tmp_path / "dir").mkdir()

    ran = hammerd(*(word.format(name) for word in arguments), cwd=tmp_path)

    assert (ran.code, ran.out) == (66, "")
    assert f"hammerd: cannot read {name}: {reason}\nhint: name a config with -c FILE" in ran.err
    assert Path(paths.SAMPLE).exists() or paths.SAMPLE not in ran.err


def test_run_prints_the_faults_of_its_config_as_check_does(hammerd, tmp_path: Path):
    (tmp_path / "bad.toml").write_text("[pairs.a]\n")

    checked = hammerd("check", "bad.toml", cwd=tmp_path)

    assert checked.code == 78
    assert checked == hammerd("run", "bad.toml", cwd=tmp_path)


WARNED = GOOD + 'lag_warning = "1m"\n'


def test_check_prints_warnings_and_exits_with_0(hammerd, tmp_path: Path):
    (tmp_path / "warned.toml").write_text(WARNED)

    ran = hammerd("check", "warned.toml", cwd=tmp_path)

    words = f"""\
warning: pairs.a.lag_warning: gives false alarms below 2m (got "1m")
    hint: HAMMER shows a write after up to two flushes, 30 to 60 s apiece
warned.toml: 1 pair, no faults, 1 warning
{NOTE}"""
    assert (0, words, "") == (ran.code, ran.out, ran.err)


def test_a_strict_check_takes_warnings_for_faults(hammerd, tmp_path: Path):
    (tmp_path / "warned.toml").write_text(WARNED)

    ran = hammerd("check", "--strict", "warned.toml", cwd=tmp_path)

    assert (ran.code, ran.out) == (78, "")
    assert ran.err.startswith("hammerd: warned.toml: 1 fault\n  pairs.a.lag_warning: gives false")


def test_faults_are_wrapped_to_the_terminal_and_paths_stay_whole(hammerd, tmp_path: Path):
    path = f"/{'very-long/' * 9}end"
    (tmp_path / "bad.toml").write_text(f'{GOOD}[pears.x]\nbandwith = "x {path}"\n[zzz]\n')

    ran = hammerd("check", "bad.toml", cwd=tmp_path, columns=50)

    assert max(map(len, ran.err.splitlines())) <= 50 or path in ran.err
    assert "  zzz: is not a table of hammerd\n" in ran.err
    assert (
        "    hint: known here: [daemon], [defaults],\n        [notify], [pairs.NAME]\n" in ran.err
    )


def test_version_and_its_option_print_the_same(hammerd):
    assert {f"hammerd {__version__}\n"} == {hammerd("version").out, hammerd("--version").out}


def test_the_version_stands_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert "version" not in project["project"]
    assert (
        f'__version__ = "{__version__}"'
        in (ROOT / project["tool"]["hatch"]["version"]["path"]).read_text()
    )


def test_the_list_of_commands_cuts_no_sentence(hammerd):
    ran = hammerd("--help")

    listed = ran.out.partition("Commands:")[2].partition("Example:")[0]
    assert "..." not in listed
    assert list(COMMANDS) == re.findall(r"^  ([\w-]+)  ", listed, flags=re.MULTILINE)


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


def pfs_link(path: Path, number: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(f"@@-1:{number:05d}")
    return path


def test_check_probes_the_paths_of_the_endpoints(hammerd, tmp_path: Path):
    master, slave = (pfs_link(tmp_path / f"disk/pfs/{n}", n) for n in (1, 2))
    ends = f'[pairs.a]\nmaster = "{master}"\nslave = "{slave}"\n'
    (tmp_path / "c.toml").write_text(f'{ends}flush_every = "10s"\n')

    ran = hammerd("check", "c.toml", cwd=tmp_path, columns=1000)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        f'warning: pairs.a.slave: is on the master\'s own file system (got "{slave}")\n'
        "    hint: each copy moves the TID that it follows; mirror to a PFS on another disk\n"
        f"c.toml: 1 pair, no faults, 1 warning\n{NOTE}"
    )


def test_check_waits_for_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    hanging = tmp_path / "probe_program.py"
    link = {"errno": 0, "is_symlink": True, "is_directory": False, "device": 7}
    found = {"path": "/m", "operand": "/m", "real": "/m", "is_pfs_link": True, **link}
    line = json.dumps(found | {"above": link, "real_file": link, "file_system": None})
    hanging.write_text(
        f"import time\nprint({line!r}, 'rubbish', sep='\\n', flush=True)\ntime.sleep(600)\n"
    )
    monkeypatch.setattr(probe_program, "__file__", str(hanging))
    monkeypatch.setattr(path_check, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(path_check, "HAS_PFS_DEVICES", True)

    seen = path_check.probe_paths(("/m", "/s"))

    assert path_check.pfs_links(seen) == {"/m": PfsLink("/m", 7)}
