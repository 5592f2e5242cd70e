"""Starts the program `hammerd`, as a process that is forked from a loaded one where that works.

Loading the modules is most of what a start costs, and tests start a thousand. Such a process is a
child of the test, with the command line, the streams, the environment and the directory of a
program that was executed. HAMMERD_EXECUTED=1 executes each, as other systems than Linux do.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests import fork_server
from tests.paths import ROOT

HAMMERD = (sys.executable, "-m", "hammerd.cli.main")

_MAY_FORK = fork_server.CLONE is not None and os.environ.get("HAMMERD_EXECUTED") != "1"
_OF_PYTHON, _OF_LOCALE = "PYTHON", ("LC_", "LANG")
"""How the variables begin that Python reads when it starts."""

_KNOWN = {"env", "cwd", "stdin", "stdout", "stderr", "text", "bufsize", "start_new_session"}
_PIPES = slice(10, 16)
"""Where the ends of the pipes are among the arguments of Popen._execute_child."""

_lock = threading.Lock()
_servers: "dict[tuple[tuple[str, str], ...], tuple[subprocess.Popen[bytes], socket.socket]]" = {}


def popen(argv: Sequence[object], **options: object) -> "subprocess.Popen[Any]":
    """Start a program with the options of subprocess.Popen."""
    words = [str(word) for word in argv]
    return (_Forked if _can_be_forked(words, options) else subprocess.Popen)(words, **options)


def run(
    argv: Sequence[object],
    *,
    input: str | None = None,  # noqa: A002 - as subprocess.run names it
    timeout: float | None = None,
    check: bool = False,
    capture_output: bool = False,
    **options: object,
) -> "subprocess.CompletedProcess[Any]":
    """Run a program to its end with the options of subprocess.run."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        options["stdin"] = subprocess.PIPE
    with popen(argv, **options) as process:
        try:
            out, err = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(argv, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def server_pids() -> set[int]:
    """Return the pids of the loaded processes, which are children of this one."""
    return {server.pid for server, _ in _servers.values()}


def _can_be_forked(words: Sequence[str], options: dict[str, Any]) -> bool:
    env = os.environ if options.get("env") is None else options["env"]
    return (
        _MAY_FORK
        and tuple(words[: len(HAMMERD)]) == HAMMERD
        and options.keys() <= _KNOWN
        and fork_server.fits(words)
        and _chosen(env, _OF_PYTHON) == _chosen(os.environ, _OF_PYTHON)
    )


def _chosen(env: Mapping[str, str], prefix: str | tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the variables whose names begin so."""
    return tuple(sorted(item for item in env.items() if item[0].startswith(prefix)))


class _Forked(subprocess.Popen[Any]):
    def _execute_child(self, *given: object) -> None:
        words, cwd, env = given[0], given[5], given[6]
        ends = given[_PIPES]
        request = {
            "argv": words,
            "cwd": os.getcwd() if cwd is None else os.fspath(cwd),
            "env": dict(os.environ if env is None else env),
            "umask": _umask(),
            "is_leader": bool(self._is_leader),
        }
        # The child's ends: of stdin the one to read, of stdout and stderr the one to write.
        fds = [own if end == -1 else end for own, end in enumerate((ends[0], ends[3], ends[5]))]
        with _lock:
            connection = _connection(request["env"])
            socket.send_fds(connection, [json.dumps(request).encode()], fds)
            self.pid = int(connection.recv(100))
        self._child_created = True
        self._close_pipe_fds(*ends)

    def __init__(self, args: Sequence[str], **options: object) -> None:
        self._is_leader = options.pop("start_new_session", False)
        super().__init__(args, **options)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _connection(env: dict[str, str]) -> socket.socket:
    """Return the connection to a process that was loaded with such a locale."""
    key = _chosen(env, _OF_LOCALE)
    if key not in _servers:
        _servers[key] = _start_server(env)
    return _servers[key][1]


def _start_server(env: dict[str, str]) -> "tuple[subprocess.Popen[bytes], socket.socket]":
    """Start a process that forks programs; it ends when this one does."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    argv = [sys.executable, str(Path(fork_server.__file__)), fork_server.ROOM]
    with its:
        server = subprocess.Popen(argv, env=env, cwd=ROOT, stdin=its, stdout=subprocess.DEVNULL)
    assert ours.recv(100) == fork_server.READY
    return server, ours
