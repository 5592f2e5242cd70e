"""A host whose wall clock may be wrong, and a hammerd on it that records what is true.

Each event and each sample carries the true time at which it was recorded: an event as its name, a
sample as its TID. So the history can be compared with the truth at any time.
"""

from pathlib import Path

from hammerd.cli.history.queries import events_of, read_history, samples_of
from hammerd.core.api.history_schema import EventRow, LagRow
from hammerd.daemon.history.backlog import Backlog
from hammerd.daemon.history.database import HistoryFile
from hammerd.daemon.history.eras import EraClock
from hammerd.daemon.history.upkeep import Upkeep
from hammerd.daemon.timing.clock import Clock, Instant

MINUTE_S = 60.0
HOUR_S = 3_600.0
DAY_S = 24 * HOUR_S
BEGIN_S = 1_800_000_000.0
BOOT_S = 30.0
IN_A_BATCH = 5


class MachineClock(Clock):
    """Both clocks of a machine."""

    def __init__(self, machine: "Machine") -> None:
        super().__init__(lambda: machine.mono_s)
        self._machine = machine

    def now(self) -> Instant:
        return Instant(self._machine.mono_s, self._machine.true_s + self._machine.ahead_s)


class Machine:
    """A host; `ahead_s`: how far its wall clock is ahead."""

    def __init__(
        self,
        path: Path,
        ahead_s: float = 0.0,
        keep_s: float = 400 * DAY_S,
        *,
        tells_boot_time: bool = True,
    ) -> None:
        self.true_s, self.mono_s, self.ahead_s = BEGIN_S, BOOT_S, ahead_s
        self.keep_s, self.tells_boot_time = keep_s, tells_boot_time
        self._path = path
        self.restart()

    # --- what happens to it ----------------------------------------------------------------------

    def restart(self) -> None:
        """Start a new hammerd."""
        self.file = HistoryFile(self._path, None)
        self.clock = MachineClock(self)
        self.eras = EraClock(self.clock, self._boot_time)
        self.upkeep = Upkeep(self.file, self.clock)
        self.backlog = Backlog()

    def reboot(self, ahead_s: float = 0.0, off_s: float = MINUTE_S) -> None:
        """Boot, with another hardware clock."""
        self.true_s += off_s
        self.mono_s, self.ahead_s = BOOT_S, ahead_s
        self.restart()

    def sleep(self, for_s: float) -> None:
        """Suspend the host: the monotonic clock stands still."""
        self.true_s += for_s

    def set_clock(self, ahead_s: float = 0.0) -> None:
        """Set the wall clock, and record what follows."""
        self.ahead_s = ahead_s
        self.run(MINUTE_S)

    def run(self, for_s: float, every_s: float = MINUTE_S, *, is_written: bool = True) -> None:
        """Record for some time; rows that are not written stay in the backlog."""
        for number in range(count := round(for_s / every_s)):
            self.true_s += every_s
            self.mono_s += every_s
            self.record()
            if is_written and (number % IN_A_BATCH == 0 or number == count - 1):
                self.write()

    def record(self) -> None:
        era, after_ms = self.eras.date()
        true_ms = round(self.true_s * 1_000)
        self.backlog.put(EventRow(after_ms, "home", f"at.{true_ms}", "info", "{}"), era)
        tid = f"0x{true_ms:016x}"
        self.backlog.put(LagRow(after_ms, "home", "behind", 1, 2.0, tid, tid), era)

    def write(self) -> None:
        while rows := self.backlog.take():
            self.file.write(rows)
        while self.upkeep.step(self.keep_s):
            pass

    def _boot_time(self) -> float | None:
        """Return what the kernel tells: the time that is set is taken for that of the boot too."""
        return self.true_s + self.ahead_s - self.mono_s if self.tells_boot_time else None

    # --- what is read ----------------------------------------------------------------------------

    def errors_s(self) -> list[float]:
        """Return how far the times of all events and samples are from the truth."""
        events, samples = self.read()
        return [
            *((event.time_ms - int(event.event.removeprefix("at."))) / 1_000 for event in events),
            *((row.time_ms - int(str(row.master_tid), 16)) / 1_000 for row in samples),
        ]

    def read(self) -> tuple[list[EventRow], list[LagRow]]:
        """Return all that the readers show."""
        return read_history(
            str(self._path),
            lambda opened: (
                [event for _, event in events_of(opened, (), 0)],
                samples_of(opened, (), 0, 1 << 62),
            ),
        )
