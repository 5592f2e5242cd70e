"""`hammerd notify --test` has each command run, by the daemon or by itself."""

import json
import os
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Answer, Request, Verb
from tests.cli.conftest import RunHammerd, StartDaemon

GOOD = {"receiver": "notify", "command": ["/m", "root"], "status": "exit 0", "said": None}
BAD = {"receiver": "notify.pager", "command": ["/p"], "status": "exit 1", "said": "no route"}


def configured(tmp_path: Path, notify: str) -> Path:
    path = tmp_path / "hammerd.toml"
    pair = '[pairs.home]\nmaster = "/m"\nslave = "/s"\n'
    path.write_text(f'[daemon]\nrun_dir = "{tmp_path}"\n{notify}\n{pair}')
    return path


def test_daemon_runs_the_commands(
    hammerd: RunHammerd, start_daemon: StartDaemon, run_dir: Path
) -> None:
    ran = [{**GOOD, "failed_because": None}, {**BAD, "failed_because": "exit 1: no route"}]
    daemon = start_daemon(Answer({"ran": ran}))

    done = hammerd("notify", "--test", "--kind", "critical", "home", "--run-dir", str(run_dir))
    assert daemon.requests == [("control.sock", Request(Verb.NOTIFY, ("home",), None, "critical"))]
    assert done.code == 1
    assert done.out == (
        "notify: /m root\n  exit 0\nnotify.pager: /p\n  failed: exit 1: no route\n"
    )


def test_without_a_daemon_the_command_runs_them(hammerd: RunHammerd, tmp_path: Path) -> None:
    script = f'cat > {tmp_path}/input; echo "$HAMMERD_KIND $HAMMERD_PAIRS"'
    config = configured(tmp_path, f'[notify]\ncommand = ["/bin/sh", "-c", {json.dumps(script)}]')

    done = hammerd("notify", "--test", "--kind", "warning", "ho*", "-c", str(config))
    assert (done.code, done.out.splitlines()[-2:]) == (0, ["  exit 0", "  said: warning home"])
    assert "no hammerd answers" in done.err
    assert json.loads((tmp_path / "input").read_text())["pairs"][0]["pair"] == "home"


MISSING = '[notify]\ncommand = ["/x"]'


@pytest.mark.parametrize(
    ("notify", "words", "result"),
    [
        ("", "--test", (78, "[notify] has no command")),
        (MISSING, "", (64, "say --test")),
        (MISSING, "--test nobody", (64, 'no such pair: "nobody"')),
        (MISSING, "--test --kind heartbeat", (78, "[notify] has no heartbeat")),
        (MISSING, "--test", (1, "no hammerd answers")),
    ],
)
def test_what_cannot_be_tested(
    hammerd: RunHammerd, tmp_path: Path, notify: str, words: str, result: tuple[int, str]
) -> None:
    done = hammerd("notify", *words.split(), "-c", str(configured(tmp_path, notify)))

    assert done.code == result[0]
    assert result[1] in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_check_refuses_a_program_that_others_could_change(
    hammerd: RunHammerd, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    program.touch()
    program.chmod(0o757)

    config = configured(tmp_path, f'[notify.pager]\ncommand = ["{program}"]')
    done = hammerd("check", "--no-ends", str(config), columns=400)
    assert done.code == 78
    assert f"notify.pager.command: everybody may write to {program}" in done.err
