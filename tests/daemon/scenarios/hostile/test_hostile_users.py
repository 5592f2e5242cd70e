"""Users who may only read, hostile clients, and a hammerd that was started carelessly."""

from __future__ import annotations

import contextlib
import grp
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from hammerd.core.api.protocol import Verb
from tests.daemon.rights import ROOT_ONLY
from tests.daemon.world import INTERPRETER, World
from tests.waiting import until

NOBODY = 65534


def start(world: World, *under: object) -> None:
    world.start(world.root / "hammerd.toml", *under)


# --- sockets -------------------------------------------------------------------------------------

ASKING = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(65534)
end = socket.socket(socket.AF_UNIX)
try:
    end.connect(sys.argv[1])
    end.sendall(b'{"verb": "ping"}\\n')
    print(end.makefile().readline())
except PermissionError:
    print("refused")
"""


def request_as(path: Path, gid: int) -> str:
    argv = [sys.executable, "-IS", "-c", ASKING, str(path), str(gid)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@ROOT_ONLY
def test_only_the_group_may_read_status_and_only_root_may_command(paired: World) -> None:
    member, outsider = [each for each in grp.getgrall() if each.gr_gid not in (0, NOBODY)][:2]
    config = paired.root / "hammerd.toml"
    config.write_text(config.read_text().replace("no-such-group", member.gr_name))
    paired.root.chmod(0o755)
    start(paired)
    status, control = paired.run_dir / "status.sock", paired.run_dir / "control.sock"

    assert (status.stat().st_gid, stat.S_IMODE(status.stat().st_mode)) == (member.gr_gid, 0o660)
    assert '"ok":true' in request_as(status, member.gr_gid)
    assert request_as(status, outsider.gr_gid) == "refused"
    assert request_as(control, member.gr_gid) == "refused"
    assert stat.S_IMODE(paired.run_dir.stat().st_mode) == 0o755


MOST_GROWTH_BYTES = 48 << 20


def test_hostile_clients_harm_only_themselves(paired: World) -> None:
    start(paired)
    daemon = psutil.Process(paired.daemons[0].pid)
    before_bytes, before_fds = daemon.memory_info().rss, daemon.num_fds()
    with contextlib.ExitStack() as clients:
        for deed in (
            send_half,
            send_too_much,
            send_and_never_read,
            close_half,
            send_nonsense,
        ) * 12:
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(0.05)
            with contextlib.suppress(OSError):
                client.connect(str(paired.run_dir / "status.sock"))
                deed(client)
            asked_at = time.monotonic()
            assert paired.is_answering()
            assert time.monotonic() - asked_at < 5
        assert daemon.memory_info().rss - before_bytes < MOST_GROWTH_BYTES
        # Root can still command while all of them stay connected.
        assert paired.ask(Verb.PAUSE)["pairs"] == ["test"]

    until(lambda: daemon.num_fds() < before_fds + 8, "every client is let go")
    assert "daemon.broke" not in paired.log()


def test_storm_of_requests_keeps_no_stream_from_being_mended(paired: World) -> None:
    start(paired)
    half = paired.wait_until_following()["half_pids"][0]
    is_over = threading.Event()
    path = str(paired.run_dir / "status.sock")
    with ThreadPoolExecutor(8) as storm:
        answered = [storm.submit(send_many_requests, path, is_over) for _ in range(8)]
        try:
            os.kill(half, signal.SIGKILL)
            now = paired.wait_for(
                lambda now: now["state"] == "streaming" and half not in now["half_pids"],
                "streaming again",
            )
        finally:
            is_over.set()

    assert now["restarts"] == 1
    assert all(each.result() for each in answered)


def send_many_requests(path: str, is_over: threading.Event) -> int:
    """Request a long reply again and again, each on a new connection; count the replies."""
    names = json.dumps([f"pair-{number}" for number in range(4000)]).encode()
    answers = 0
    while not is_over.is_set() or answers == 0:
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.settimeout(10)
            client.connect(path)
            for request in (
                b'{"verb": "status"}\n',
                b'{"verb": "status", "pairs": ' + names + b"}\n",
            ):
                client.sendall(request)
            answers += len(client.recv(1 << 16)) > 0
    return answers


def send_half(client: socket.socket) -> None:
    client.sendall(b'{"verb": "sta')


def send_too_much(client: socket.socket) -> None:
    client.sendall(b"x" * (8 << 20))


def send_and_never_read(client: socket.socket) -> None:
    for _ in range(5000):
        client.sendall(b'{"verb": "status"}\n')


def close_half(client: socket.socket) -> None:
    client.sendall(b'{"verb": "status"}\n{"verb"')
    client.shutdown(socket.SHUT_WR)


def send_nonsense(client: socket.socket) -> None:
    for line in (b"\xff\n", b"[" * 60_000 + b"\n", b'{"verb": ' + b"9" * 60_000 + b"}\n"):
        client.sendall(line)


# --- what is inherited ---------------------------------------------------------------------------

NOTING = """#!{python} -IS
import json, os, sys
mask = os.umask(0o077)
fds = [int(name) for name in os.listdir("/dev/fd")]
is_open = lambda fd: os.path.exists(f"/dev/fd/{{fd}}")
note = {{"env": dict(os.environ), "umask": mask, "cwd": os.getcwd(), "words": sys.argv[1:],
        "fds": [fd for fd in fds if is_open(fd)], "leads": os.getsid(0) == os.getpid()}}
if os.path.exists("/proc/self/status"):
    with open("/proc/self/status") as status:
        note["signals"] = {{line.split()[0]: line.split()[1] for line in status if "Sig" in line}}
with open(f"{notes}/{{os.getpid()}}.new", "w") as file:
    json.dump(note, file)
os.rename(file.name, file.name[:-4])
os.execv("{hammer}", ["{hammer}", *sys.argv[1:]])
"""

HOSTILE_ENVIRONMENT = {
    "LD_PRELOAD": "/nonexistent/evil.so",
    "HAMMER_RSH": "/nonexistent/evil",
    "SSH_AUTH_SOCK": "/nonexistent/agent",
    "SSH_ASKPASS": "/nonexistent/askpass",
    "PYTHONPATH": "/nonexistent/evil",
    "PYTHONINSPECT": "",
    "IFS": "x",
    "ENV": "/nonexistent/evil.sh",
}
CARELESS = 'umask 0; trap "" CHLD HUP USR1 TERM; exec 7</dev/null 8>/dev/null; exec "$@"'
PYTHON_IGNORES = {13, 25}
"""PIPE and XFSZ are ignored by the Python that records, not by hammerd."""
LIBC_KEEPS = {32, 33}
"""Signals that libc reserves: no program may set them, so they stay as inherited."""


@pytest.fixture
def careless(paired: World) -> Iterator[World]:
    """A world whose daemon inherits bad settings, with a hammer that records its own."""
    notes = paired.root / "notes"
    notes.mkdir()
    (paired.root / "noting").mkdir()
    noting = paired.root / "noting/hammer"
    noting.write_text(NOTING.format(python=INTERPRETER, notes=notes, hammer=paired.hammer))
    noting.chmod(0o755)
    config = paired.root / "hammerd.toml"
    config.write_text(config.read_text().replace(f'"{paired.hammer}"', f'"{noting}"'))
    paired.env = dict(HOSTILE_ENVIRONMENT)
    start(paired, "/bin/sh", "-c", CARELESS, "sh")
    return paired


def test_stream_inherits_nothing_from_the_process_that_started_hammerd(careless: World) -> None:
    careless.wait_until_following()
    notes = [json.loads(path.read_text()) for path in (careless.root / "notes").glob("*[0-9]")]

    assert {"pfs-status", "mirror-stream"} <= {word for note in notes for word in note["words"]}
    for note in notes:
        assert note["env"].keys() == {"PATH", "HOME", "LC_ALL"}
        assert (note["umask"], note["cwd"], note["leads"]) == (0o077, "/", True)
        # A stream also holds the read end of its own stderr.
        assert len(set(note["fds"]) - {0, 1, 2}) == ("mirror-stream" in note["words"])
        # Only Linux shows signals there.
        signals = note.get("signals", {"SigBlk:": "0", "SigIgn:": "0"})
        assert int(signals["SigBlk:"], 16) == 0
        assert ignored(signals["SigIgn:"]) <= PYTHON_IGNORES | LIBC_KEEPS
    assert others_may_write(careless.root) == []


def ignored(mask: str) -> set[int]:
    return {number for number in range(1, 65) if int(mask, 16) >> (number - 1) & 1}


def others_may_write(root: Path) -> list[Path]:
    ours = (path for name in ("run", "db", "log") for path in (root / name).rglob("*"))
    return [path for path in ours if path.lstat().st_mode & 0o002]
