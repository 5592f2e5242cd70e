"""hammerd itself, as a child of the demo: started, listened to by its log, asked, stopped."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from hammerd.cli.client.control_client import send_request
from hammerd.cli.client.status_types import PairStatus, read_status
from hammerd.cli.demo import screen
from hammerd.cli.demo.streams import Witness
from hammerd.cli.demo.world import World
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api.protocol import Request, Verb
from hammerd.core.exit_codes import Exit
from hammerd.core.rfc3339 import parse_rfc3339

CONFIG = "/usr/local/etc/hammerd.toml"
LOG = "/var/log/hammerd/hammerd.log"
PATIENCE_S = 300.0
"""How long a busy machine may take for a step that takes a second otherwise."""

SAY_EVERY_S = 10.0
TURN_S = 0.005
LOOKING_TURN_S = 0.025  # a look at the process table takes CPU that hammerd could use


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log: when it was written, by the wall clock, and its event."""

    time: float
    event: str
    text: str


class Supervisor:
    """A running `hammerd run`, and how far its log was read."""

    def __init__(self, world: World, witness: Witness) -> None:
        self._world = world
        self._witness = witness
        self._log = world.path(LOG)
        self._stderr = world.path("/hammerd.stderr")
        self._position = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The pid of the daemon."""
        return self._running().pid

    def start(self) -> float:
        """Start the daemon in a session of its own, and return when, by the wall clock."""
        screen.command(f"hammerd run -c {CONFIG} &")
        started_time = time.time()
        with self._stderr.open("ab") as stderr:
            self._process = subprocess.Popen(
                [self._world.hammer.with_name("hammerd"), "run", "-c", self._world.path(CONFIG)],
                env=self._world.environment,
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        return started_time

    def listen_until(self, is_it: Callable[[LogLine], bool], what: str) -> list[LogLine]:
        """Show the log as it grows, and return the lines up to the one that is waited for.

        The process table is looked at all the while.

        Raises:
            CommandFailed: the daemon died, the line did not come, or two streams were seen.
        """
        lines: list[LogLine] = []
        heard = 0

        def is_heard() -> bool:
            nonlocal heard
            self._witness.look()
            for line in self.new_lines():
                screen.logged(line.text)
                lines.append(line)
                heard = heard or (len(lines) if is_it(line) else 0)
            return heard > 0

        self.wait_until(is_heard, what, LOOKING_TURN_S)
        return lines[:heard]

    def wait_until(self, is_so: Callable[[], bool], what: str, turn_s: float = TURN_S) -> None:
        """Wait for a condition, and say every now and then that it is still waited for.

        Raises:
            CommandFailed: the daemon died, or it did not come true.
        """
        began_at = time.monotonic()
        say_at = began_at + SAY_EVERY_S
        while not is_so():
            if self._running().poll() is not None:
                raise CommandFailed(f"hammerd ended by itself: {self._last_words()}")
            now_at = time.monotonic()
            if now_at > say_at:
                screen.explain(f"(Still waiting after {now_at - began_at:.0f} s: {what}.)")
                say_at = now_at + SAY_EVERY_S
            if now_at > began_at + PATIENCE_S:
                message = f"waited {PATIENCE_S:g} s in vain: {what}"
                raise CommandFailed(message, f"hammerd's last words: {self._last_words()}")
            time.sleep(turn_s)

    def new_lines(self) -> list[LogLine]:
        """Return the whole lines that were added to the log since the last call."""
        try:
            with self._log.open("rb") as log:
                log.seek(self._position)
                added = log.read()
        except FileNotFoundError:
            return []
        whole = added[: added.rfind(b"\n") + 1]
        self._position += len(whole)
        return [_parse(self._world.shown(line)) for line in whole.decode().splitlines()]

    def pair(self) -> PairStatus | None:
        """Return what hammerd says of the pair, None when it is too busy to say anything."""
        try:
            return read_status(send_request(self._world.run_dir, Request(Verb.STATUS)))["pairs"][0]
        except CommandFailed as error:
            if error.code == Exit.UNAVAILABLE:
                return None
            raise

    def stop(self) -> int:
        """End the daemon by SIGTERM and return its exit status.

        Raises:
            CommandFailed: it did not end.
        """
        screen.command(f"kill -TERM {self.pid}")
        self._running().terminate()
        return self._wait()

    def kill(self) -> float:
        """End the daemon by SIGKILL, and return when, by the wall clock."""
        screen.command(f"kill -9 {self.pid}")
        killed_time = time.time()
        self._running().kill()
        self._wait()
        return killed_time

    def abandon(self) -> None:
        """End the daemon whatever happened before, without a word."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _wait(self) -> int:
        try:
            return self._running().wait(PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            raise CommandFailed(f"hammerd did not end within {PATIENCE_S:g} s") from error

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise CommandFailed("hammerd was not started")
        return self._process

    def _last_words(self) -> str:
        lines = [
            line
            for file in (self._stderr, self._log)
            if file.exists()
            for line in file.read_text().splitlines()[-2:]
        ]
        return self._world.shown(" | ".join(lines)) or "none"


def _parse(text: str) -> LogLine:
    moment, _level, event, *_ = text.split(maxsplit=3)
    return LogLine(parse_rfc3339(moment).timestamp(), event, text)
