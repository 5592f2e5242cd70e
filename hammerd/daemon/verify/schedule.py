"""Runs `hammerd verify` for the pairs that have `verify_every`, one at a time, niced.

The command is a process of its own, so nothing of it is in the way of the streams. It is ended
when its pair is held by a plan, because an open file would hinder that, and when the daemon stops.
It goes on where it was when it is due again, as every verification does.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from hammerd.core.characters import printable
from hammerd.core.pair.states import PairLife
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.verify.due import next_due
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.process.commands import CommandResult, Commands
from hammerd.daemon.timing.clock import Clock
from hammerd.daemon.verify.results import Results

CHECK_S = 60.0
RETRY_S = 900.0
"""The time from a verification that failed to the next try."""

SAYS = "hammerd: "
"""The begin of an error line; the other lines tell how far the verification was."""

LONGEST_S = 30 * 86_400.0
FOUND = ("exit 0", "exit 1")
"""The exit statuses of a verification that has a result: equal, or different."""


@dataclass(frozen=True, slots=True)
class VerifyProgram:
    """The command of a verification, without its pair, and its environment."""

    words: tuple[str, ...]
    config: str
    env: Mapping[str, str]

    def argv(self, pair: str) -> tuple[str, ...]:
        """Return the argv that verifies a pair."""
        return (*self.words, "verify", "--nice", "-c", self.config, pair)


@dataclass(frozen=True, slots=True)
class _Running:
    pair: str
    pid: int


class VerifySchedule:
    """At most one verification that runs."""

    def __init__(
        self,
        commands: Commands,
        program: VerifyProgram,
        results: Results,
        clock: Clock,
        log: Logger,
    ) -> None:
        self._commands = commands
        self._program = program
        self._results = results
        self._clock = clock
        self._log = log
        self._running: _Running | None = None
        self._failed_at: dict[str, float] = {}
        self.lives: Callable[[], Iterable[PairLife]] = tuple
        self.holder_of: Callable[[Endpoint], str | None] = lambda _endpoint: None

    async def check(self) -> None:
        """Start the verification that is due; end one whose pair is held or gone."""
        self.consider()

    def consider(self) -> None:
        """Do as check() does, after a change of a pair's state."""
        lives = tuple(self.lives())
        if self._running is not None:
            self._end_if_hindering(self._running, lives)
            return
        now = self._clock.now()
        due = next_due(filter(self._may_try, lives), self._verified_time, now.time)
        if due is not None:
            self._start(due.name)

    def is_reading(self, endpoints: Iterable[Endpoint]) -> bool:
        """Return whether a verification that runs has files of these endpoints open."""
        running, ends = self._running, frozenset(endpoints)
        return running is not None and any(
            {life.pair.master, life.pair.slave} & ends
            for life in self.lives()
            if life.pair.name == running.pair
        )

    def _may_try(self, life: PairLife) -> bool:
        if self._is_held(life):
            return False
        failed_at = self._failed_at.get(life.pair.name)
        return failed_at is None or self._clock.now().at >= failed_at + RETRY_S

    def _is_held(self, life: PairLife) -> bool:
        """Return whether a plan holds a pair, or one of its endpoints by another pair."""
        ends = (life.pair.master, life.pair.slave)
        return life.memory.hold is not None or any(map(self.holder_of, ends))

    def _verified_time(self, pair: Pair) -> float | None:
        shown = self._results.of(pair)
        return None if shown is None else shown.verified.time

    def _start(self, pair: str) -> None:
        def ended(result: CommandResult) -> None:
            self._ended(pair, result)

        argv = self._program.argv(pair)
        pid = self._commands.start(argv, self._program.env, LONGEST_S, ended)
        self._running = _Running(pair, pid)
        self._log.info("verify.started", pair=pair, pid=pid)

    def _end_if_hindering(self, running: _Running, lives: Iterable[PairLife]) -> None:
        life = {each.pair.name: each for each in lives}.get(running.pair)
        if life is None or self._is_held(life) or not life.pair.enabled:
            self._commands.kill(running.pid)

    def _ended(self, pair: str, result: CommandResult) -> None:
        self._running = None
        if result.status in FOUND:
            self._failed_at.pop(pair, None)
            self._log.info("verify.ended", pair=pair, status=result.status)
            # The next one may be due; not before this result was read.
            return
        self._failed_at[pair] = self._clock.now().at
        said = [line for line in result.stderr.splitlines() if line.startswith(SAYS)]
        because = said[-1].removeprefix(SAYS) if said else result.status
        self._log.warning(
            "verify.failed",
            pair=pair,
            status=result.status,
            because=printable(because),
            hint=f"it is tried again in {RETRY_S / 60:.0f} min and goes on where it was",
        )
