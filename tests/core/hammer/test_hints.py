"""A hint fits its pair, names existing commands only, and none that destroys data."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from hammerd.cli.group import COMMANDS
from hammerd.core.hammer.diagnostic_rows import ComplaintRow
from hammerd.core.hammer.diagnostics import TABLE, diagnose
from hammerd.core.hammer.hints import fit_hint
from hammerd.core.hammer.messages import Complaint
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint, Pair
from tests.paths import ROOT

SOURCES = sorted((ROOT / "hammerd").glob("[cd]*/**/*.py"))


PUSH = Pair("home", Endpoint("/data"), Endpoint("/backup/pfs/home", SshHost("backup", "root")))
KEYED = SshSettings(port=2222, known_hosts="/var/db/hammerd/known_hosts")
BOTH_FAR = Pair(
    "home",
    Endpoint("/pfs/home", SshHost("office")),
    Endpoint("/pfs/home", SshHost("backup").reached_by(KEYED)),
)


@pytest.mark.parametrize(
    ("text", "pair", "hint"),
    [
        (
            "hammer: Mirror-write /backup/pfs/home fatal error 28",
            PUSH,
            "on root@backup: the",
        ),
        (
            "hammer: Failed to open /backup/pfs/home: Not a directory",
            PUSH,
            "on root@backup: /",
        ),
        ("hammer: Failed to open /backup/pfs: Not a directory", PUSH, "on root@backup: /backup"),
        ("hammer: Failed to open /data: No such file or directory", PUSH, "/data or what it"),
        ("hammer: Mirror-read /data failed: Input/output error", PUSH, "the master's disk"),
        ("hammer: Failed to open /pfs/home: Not a directory", BOTH_FAR, "on office or backup: /p"),
        ("hammer: Mirror-read /pfs/home fatal error 5", BOTH_FAR, "on office: the master's"),
        ("bash: hammer: command not found", PUSH, "the shell of root@backup does not find"),
        ("backup: Permission denied (publickey,password).", BOTH_FAR, "backup does not accept"),
        ("Permission denied (publickey).", BOTH_FAR, "office or backup does not accept"),
    ],
)
def test_hint_names_the_host_of_the_end_it_is_about(text: str, pair: Pair, hint: str) -> None:
    complaint = diagnose(text)

    assert complaint is not None
    assert fit_hint(complaint, pair).hint.startswith(hint)


def test_hint_about_a_named_end_names_its_host_only() -> None:
    complaint = diagnose("sh: 1: exec: /sbin/hammer: not found")

    assert complaint is not None
    hint = fit_hint(complaint, BOTH_FAR, BOTH_FAR.slave).hint
    assert hint.startswith("the shell of backup does not find hammer")
    local = fit_hint(complaint, PUSH, PUSH.master).hint
    assert local.startswith("the shell of root@backup does not find hammer")


def test_hint_of_a_host_key_has_the_commands_for_the_host_and_port_of_the_pair() -> None:
    complaint = diagnose("Host key for [backup]:2222 has changed and you have requested strict")

    assert complaint is not None
    hint = fit_hint(complaint, BOTH_FAR).hint
    assert "\"ssh-keygen -R '[backup]:2222' -f /var/db/hammerd/known_hosts\"" in hint
    assert '"ssh-keyscan -p 2222 backup >> /var/db/hammerd/known_hosts"' in hint


def test_hint_of_a_route_names_the_host_without_its_user() -> None:
    complaint = diagnose("ssh: connect to host backup port 22: No route to host")

    assert complaint is not None
    assert '"route -n get backup"' in fit_hint(complaint, PUSH).hint


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_no_word_of_a_row_is_left_in_the_hint_of_a_pair(row: ComplaintRow) -> None:
    complaint = Complaint("text", row.name, row.cure, row.hint, row.park_cause)

    assert not re.search("HOST|PAIR|_KEY", fit_hint(complaint, PUSH).hint)


def texts(sources: Iterable[Path] = SOURCES) -> Iterator[str]:
    for file in sources:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_command_of_hammerd_that_a_text_names_exists() -> None:
    named = {word for text in texts() for word in re.findall(r"[\"`]hammerd ([a-z][a-z-]+)", text)}

    assert named
    assert named <= {*COMMANDS}


@pytest.mark.parametrize("forbidden", ["umount -f", "pfs-downgrade"])
def test_no_text_advises_a_harmful_command(forbidden: str) -> None:
    """Plans downgrade a master themselves, in an order that is safe."""
    sources = [file for file in SOURCES if "plans" not in file.parts]

    assert [text for text in texts(sources) if forbidden in text] == []
