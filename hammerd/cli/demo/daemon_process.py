"""Runs hammerd as a child of the demo: starts it, reads its log and status, and stops it."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from hammerd.cli.client.control_client import send_request
from hammerd.cli.client.status_types import PairStatus, read_status
from hammerd.cli.demo import screen
from hammerd.cli.demo.fake_root import FakeRoot
from hammerd.cli.demo.streams import StreamScanner
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api.protocol import Request, Verb
from hammerd.core.exit_codes import Exit
from hammerd.core.rfc3339 import parse_rfc3339

CONFIG = "/usr/local/etc/hammerd.toml"
LOG = "/var/log/hammerd/hammerd.log"
STEP_TIMEOUT_S = 300.0
"""Limit for a step that takes about a second on an idle machine."""

REMINDER_S = 10.0
POLL_S = 0.005
SCAN_POLL_S = 0.025  # a scan of the process table takes CPU that hammerd could use


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log: its wall-clock time, its event, and the whole text."""

    time: float
    event: str
    text: str


class DaemonProcess:
    """A running `hammerd run`, and the position up to which its log was read."""

    def __init__(self, fake_root: FakeRoot, scanner: StreamScanner) -> None:
        self._fake_root = fake_root
        self._scanner = scanner
        self._log = fake_root.path(LOG)
        self._stderr = fake_root.path("/hammerd.stderr")
        self._position = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start the daemon in a session of its own, and return the wall-clock time."""
        screen.show_command(f"hammerd run -c {CONFIG} &")
        started_time, program = time.time(), self._fake_root.hammer.with_name("hammerd")
        with self._stderr.open("ab") as stderr:
            self._process = subprocess.Popen(
                [program, "run", "-c", self._fake_root.path(CONFIG)],
                env=self._fake_root.environment,
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        return started_time

    def read_log_until(self, matches: Callable[[LogLine], bool], what: str) -> list[LogLine]:
        """Show the log as it grows, and return the lines up to the first that matches.

        The process table is scanned meanwhile.

        Raises:
            CommandFailed: the daemon died, the line did not come, or two streams ran at once.
        """
        lines: list[LogLine] = []
        length = 0

        def is_found() -> bool:
            nonlocal length
            self._scanner.scan()
            for line in self.new_lines():
                screen.show_log_line(line.text)
                lines.append(line)
                length = length or (len(lines) if matches(line) else 0)
            return length > 0

        self.wait_until(is_found, what, SCAN_POLL_S)
        return lines[:length]

    def wait_until(self, is_true: Callable[[], bool], what: str, poll_s: float = POLL_S) -> None:
        """Wait until a condition is true, and print a reminder at intervals.

        Raises:
            CommandFailed: the daemon died, or the condition did not become true.
        """
        began_at = time.monotonic()
        remind_at = began_at + REMINDER_S
        while not is_true():
            if self._running().poll() is not None:
                raise CommandFailed(f"hammerd ended by itself: {self._last_lines()}")
            now_at = time.monotonic()
            if now_at > remind_at:
                screen.show_text(f"(Still waiting after {now_at - began_at:.0f} s: {what}.)")
                remind_at = now_at + REMINDER_S
            if now_at > began_at + STEP_TIMEOUT_S:
                message = f"waited {STEP_TIMEOUT_S:g} s in vain: {what}"
                raise CommandFailed(message, f"hammerd's last words: {self._last_lines()}")
            time.sleep(poll_s)

    def new_lines(self) -> list[LogLine]:
        """Return the complete lines that were added to the log since the last call."""
        try:
            with self._log.open("rb") as log:
                log.seek(self._position)
                added = log.read()
        except FileNotFoundError:
            return []
        whole = added[: added.rfind(b"\n") + 1]
        self._position += len(whole)
        return [_parse(self._fake_root.without_root(line)) for line in whole.decode().splitlines()]

    def pair(self) -> PairStatus | None:
        """Return the pair's status, None if hammerd is too busy to answer."""
        try:
            answer = send_request(self._fake_root.run_dir, Request(Verb.STATUS))
        except CommandFailed as error:
            if error.code == Exit.UNAVAILABLE:
                return None
            raise
        return read_status(answer)["pairs"][0]

    def stop(self) -> int:
        """End the daemon by SIGTERM and return its exit status.

        Raises:
            CommandFailed: it did not end.
        """
        screen.show_command(f"kill -TERM {self._running().pid}")
        self._running().terminate()
        return self._wait()

    def kill(self) -> None:
        """End the daemon by SIGKILL."""
        screen.show_command(f"kill -9 {self._running().pid}")
        self._running().kill()
        self._wait()

    def force_stop(self) -> None:
        """End the daemon if it runs, without output: by SIGTERM, after a timeout by SIGKILL."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STEP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _wait(self) -> int:
        try:
            return self._running().wait(STEP_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise CommandFailed(f"hammerd did not end within {STEP_TIMEOUT_S:g} s") from error

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise CommandFailed("hammerd was not started")
        return self._process

    def _last_lines(self) -> str:
        lines = [
            line
            for file in (self._stderr, self._log)
            if file.exists()
            for line in file.read_text().splitlines()[-2:]
        ]
        return self._fake_root.without_root(" | ".join(lines)) or "none"


def _parse(text: str) -> LogLine:
    moment, _level, event, *_ = text.split(maxsplit=3)
    return LogLine(parse_rfc3339(moment).timestamp(), event, text)
