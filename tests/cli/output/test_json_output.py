"""The option --json of every command that prints data."""

import json
from pathlib import Path

import click
import pytest

from hammerd.cli.group import COMMANDS, group
from hammerd.core.api.protocol import Answer
from tests.cli.promises import is_promised, leaves

PRINTS_NO_DATA = frozenset({"run", "demo", "web", "metrics"})
"""`run` and `web` log, `demo` prints its steps, and `metrics` has the format of Prometheus."""

ARGUMENTS = {
    "pause": ("home", "--for", "2h"),
    "resume": ("home",),
    "restart": ("home",),
    "ack": ("home",),
    "check": ("hammerd.toml",),
}
"""Arguments that commands need."""


@pytest.fixture
def status_of_home(make_status, make_pair) -> Answer:
    return Answer(make_status(make_pair("home", lag_s=None)))


@pytest.mark.parametrize("command", [each for each in COMMANDS if each not in PRINTS_NO_DATA])
def test_every_command_that_prints_data_prints_it_as_json(command: str):
    found = group.get_command(click.Context(group), command)

    assert isinstance(found, click.Command)
    assert "--json" in {word for each in found.params for word in each.opts}


@pytest.mark.parametrize(
    "command", ["status", "pause", "resume", "restart", "ack", "reload", "check", "version"]
)
def test_json_is_one_object_of_a_version(
    hammerd, start_daemon, run_dir: Path, status_of_home: Answer, command: str
):
    (run_dir / "hammerd.toml").write_text('[pairs.a]\nmaster = "/m"\nslave = "/s"\n')
    acted = {
        "pairs": ["home"],
        "left_paused": [],
        "paused_until_time": "2026-03-04T18:00:00.000Z",
        "unsaved_because": None,
    }
    start_daemon(status_of_home if command == "status" else Answer(acted))
    where = () if command in ("check", "version") else ("--run-dir", run_dir)

    ran = hammerd(command, "--json", *ARGUMENTS.get(command, ()), *where, cwd=run_dir)
    data = json.loads(ran.out)

    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)
    assert next(iter(data.items())) == ("schema_version", 1)
    assert [leaf for leaf in leaves(data) if not is_promised(*leaf)] == []


def test_check_prints_faults_and_warnings_as_json(hammerd, run_dir: Path):
    (run_dir / "bad.toml").write_text('[pairs.a]\nmaster = "m"\nslave = "/s"\n')
    (run_dir / "warned.toml").write_text(
        '[pairs.a]\nmaster = "/m"\nslave = "/s"\nlag_warning = "1m"\n'
    )

    bad = hammerd("check", "--json", "bad.toml", cwd=run_dir)
    warned = hammerd("check", "--json", "warned.toml", cwd=run_dir)
    strict = hammerd("check", "--json", "--strict", "warned.toml", cwd=run_dir)

    assert (bad.code, bad.err) == (78, "")
    assert json.loads(bad.out) == {
        "schema_version": 1,
        "config": "bad.toml",
        "pairs": None,
        "faults": [
            {
                "where": "pairs.a.master",
                "what": "must have an absolute path",
                "got": '"m"',
                "hint": 'write it like "/Backup1/pfs/test"',
            }
        ],
        "warnings": [],
        "advice": [],
        "ends_not_asked_because": None,
    }
    assert (warned.code, strict.code, warned.out) == (0, 78, strict.out)
    data = json.loads(warned.out)
    assert (data["pairs"], data["faults"]) == (["a"], [])
    assert [each["where"] for each in data["warnings"]] == ["pairs.a.lag_warning"]


def test_a_pause_prints_the_time_of_its_end(hammerd, start_daemon, run_dir: Path):
    acted = {"pairs": ["home"], "paused_until_time": "2099-03-04T18:00:00.000Z"}
    start_daemon(Answer(acted))

    ran = hammerd("pause", "home", "--for", "2h", "--run-dir", run_dir)

    assert ran.out == "paused for 2h: home (until 2099-03-04 18:00 UTC)\n"
