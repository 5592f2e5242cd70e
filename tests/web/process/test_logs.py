"""Faults of the web server in the background reach syslog, as far as there is one."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hammerd.web.process import logs

TELL = """
import logging.config, sys
from hammerd.web.process import logs
logs.SYSLOG_SOCKETS = (sys.argv[1],)
logging.config.dictConfig(logs.log_config(is_detached=sys.argv[2] == "detached"))
logging.getLogger("uvicorn.error").warning("a client did wrong")
logging.getLogger("uvicorn.error").error("a fault")
"""


def tell(path: Path, how: str) -> str:
    """Tell a fault in a process of its own; return what it writes to stderr."""
    argv = [sys.executable, "-c", TELL, str(path), how]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stderr


def test_in_the_background_it_is_syslog(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(path))

        assert tell(path, "detached") == ""

        assert syslog.recv(1_000).rstrip(b"\0") == b"<27>hammerd_web: a fault"


def test_in_the_foreground_it_is_stderr(tmp_path: Path) -> None:
    assert tell(tmp_path / "none", "here") == "a fault\n"


def test_without_syslog_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "SYSLOG_SOCKETS", ())

    handlers = logs.log_config(is_detached=True)["handlers"]

    assert handlers == {"faults": {"class": "logging.NullHandler"}}
