"""Every verb of the rc.d script of the web server, with each shell."""

import os
import pwd
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.conftest import SHELLS
from tests.service.service import HAS_OWN_MEANING, HEAD, PROGRAM, RC_SUBR, ROOT
from tests.waiting import DEADLINE_S

SCRIPT = ROOT / "rc.d/hammerd_web"


class WebService:
    """Runs `service hammerd_web VERB` with one shell, in a directory tree of its own."""

    def __init__(self, root: Path, shell: tuple[str, ...]) -> None:
        self.root, self.shell = root, shell
        self.pidfile = root / "hammerd_web.pid"
        self.program = root / "hammerd"
        self.config = root / "hammerd.toml"
        self.config.write_text(f'[daemon]\nrun_dir = "{root}/run"\nstate_dir = "{root}/db"\n')
        self.install(PROGRAM)
        self.script = root / "hammerd_web"
        text = SCRIPT.read_text()
        assert text.count(". /etc/rc.subr\n") == text.count('pidfile="/var/run/') == 1
        text = text.replace(". /etc/rc.subr\n", f". {shlex.quote(str(RC_SUBR))}\n")
        self.script.write_text(text.replace("/var/run/", f"{root}/"))
        self.knobs = {
            "hammerd_web_enable": "YES",
            "hammerd_web_program": str(self.program),
            "hammerd_web_config": str(self.config),
            "hammerd_web_listen": "127.0.0.1:0",
            "hammerd_web_user": pwd.getpwuid(os.geteuid()).pw_name,
        }

    def install(self, program: str) -> None:
        self.program.write_text(program)
        self.program.chmod(0o755)

    def run(self, verb: str) -> tuple[int, str]:
        """Run a verb; return its status and what it printed."""
        rc_conf = self.root / "rc.conf"
        lines = [f"{name}={shlex.quote(value)}" for name, value in self.knobs.items()]
        rc_conf.write_text("\n".join(lines) + "\n")
        done = subprocess.run(
            [*self.shell, str(self.script), verb],
            env={
                **os.environ,
                "RC_CONF": str(rc_conf),
                "RC_SHELL": shlex.join(self.shell),
                "RC_POLL_S": "0.1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert HAS_OWN_MEANING not in done.stdout
        return done.returncode, done.stdout


@pytest.fixture(params=SHELLS)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WebService]:
    made = WebService(tmp_path, request.param)
    yield made
    made.run("forcestop")


def test_it_starts_stops_and_is_found_without_a_daemon(service: WebService) -> None:
    assert service.run("start") == (0, "Starting hammerd_web.\n")
    pid = service.pidfile.read_text().strip()
    assert service.pidfile.stat().st_mode & 0o777 == 0o644
    assert service.run("status") == (0, f"hammerd_web is running as pid {pid}.\n")
    status, said = service.run("restart")
    assert (status, "Stopping hammerd_web." in said) == (0, True)
    assert service.pidfile.read_text().strip() != pid
    assert service.run("stop")[0] == 0
    assert not service.pidfile.exists()
    assert service.run("status") == (1, "hammerd_web is not running.\n")


def test_nothing_is_done_where_it_is_not_enabled(service: WebService) -> None:
    service.knobs["hammerd_web_enable"] = "NO"

    assert [service.run(verb) for verb in ("start", "status", "stop")] == [(0, "")] * 3


def test_words_of_rc_conf_reach_the_program_and_no_other_user_starts_it(
    service: WebService,
) -> None:
    """Our rc.subr fails where a script leaves it to start the program as a user."""
    service.install(f"{HEAD}print(*sys.argv[1:], sep='|')\nsys.exit(0)\n")
    service.knobs |= {
        "hammerd_web_user": "somebody",
        "hammerd_web_group": "some group",
        "hammerd_web_flags": "--allow-host 'a b'",
    }

    status, said = service.run("start")

    words = ["-c", str(service.config), "--listen", "127.0.0.1:0", "--user", "somebody"]
    words += ["--group", "some group", "--allow-host", "a b"]
    begin = ["web", "--detach", "--pid-file", str(service.pidfile)]
    assert (status, said) == (0, f"Starting hammerd_web.\n{'|'.join([*begin, *words])}\n")


def test_bad_words_are_refused_before_anything_is_stopped(service: WebService) -> None:
    service.knobs["hammerd_web_listen"] = "nowhere"

    status, said = service.run("restart")

    assert status == 1
    assert "--listen=nowhere" in said
    assert "Starting" not in said


def test_program_without_a_python_is_refused(service: WebService) -> None:
    service.install("#!/usr/bin/env python3\n")

    status, said = service.run("start")

    assert (status, "is no Python" in said) == (1, True)
