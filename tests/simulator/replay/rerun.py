"""Replays a recording in virtual time: each action follows the output that preceded it.

Actions do not use the clock of the recording: each waits for the output and commits that had come
by then in the recording, and then for the time that had passed since the last of them.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from hammerd.daemon.process.process_table import ancestors_of, process_ids
from hammerd.simulator.kernel.file_system.pfs_info import load_info
from hammerd.simulator.kernel.file_system.volume import FileSystem
from tests.simulator.fixtures.machine import Machine
from tests.simulator.replay.normalise import deterministic
from tests.simulator.replay.output_pipe import OutputPipe
from tests.simulator.replay.recording import RecordedTids, Recording, commits
from tests.simulator.replay.scenario_setup import ScenarioSetup
from tests.simulator.replay.virtual_clock import FOR_EVER, ProcessState, VirtualClock, by_age

NOTED_LATE_S = 0.05  # a write was noted after it, so its effect may be older
UNCERTAIN_TAIL_BYTES = 160  # the harness may have cut off the output at any place
AMBIGUOUS_S = 0.3
ENDED_WITHIN_S = 30.0
START_UP_S = 0.02
"""The start-up time of a second stream, whose output was recorded without times."""
FRESH_TID = 1
HALVES = ("source", "target")

# A session leader without a terminal gets the one that it opens.
WITH_TERMINAL = 'exec 3<>"$TERMINAL"; exec "$@" 3>&-'
WITHOUT_FDS = """\
import os, sys
for fd in sys.argv[1].split(','):
    os.close(int(fd))
os.execvp(sys.argv[2], sys.argv[2:])
"""

_INTERRUPTED = re.compile(
    r"helper: (hammer .*?) & ?p=\$!; sleep ([\d.]+); p?kill -(?:SIG)?(\w+) (-P )?\$p;"
)


class Rerun:
    """The replay of one recording, with its results for the comparison."""

    def __init__(self, machine: Machine, recording: Recording) -> None:
        self.machine, self.recording = machine, recording
        self.scenario = ScenarioSetup(machine, recording)
        self.failures: list[str] = []
        self.tid_samples: list[RecordedTids] = []
        self.trees: list[tuple[float, tuple[ProcessState, ...]]] = []
        self.boards: list[bytes] = []
        self.pipes: list[OutputPipe] = []
        self.unread: list[OutputPipe] = []
        self.parents: list[subprocess.Popen[bytes]] = []
        self.halves: dict[str, int] = {}
        self.unknown_actions: list[str] = []
        self.terminal = -1
        self.virtual_clock = VirtualClock(machine.root / "time", self._drain, self._observe)
        self._disks = [FileSystem(str(machine.path(f"/Backup{number}"))) for number in (1, 2)]

    @property
    def stderr(self) -> bytes:
        return self.pipes[1].all()

    @property
    def status(self) -> int | None:
        return self.parents[0].returncode

    def set_up(self) -> None:
        """Set up the machine as before the command, and start the command."""
        for action in self.recording.setup:
            interrupted = _INTERRUPTED.match(action)
            if interrupted:
                self._interrupt(interrupted)
            else:
                self.scenario.perform(action)
        self._observe_disks()
        self._start()

    def _interrupt(self, what: re.Match[str]) -> None:
        """Run a command for some seconds and end its halves."""
        parent = subprocess.Popen(
            self.scenario.to_machine(what[1]).split(),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.virtual_clock.sessions = {parent.pid}
        self.virtual_clock.advance(self.virtual_clock.now + float(what[2]))
        children = [pid for pid in process_ids() if next(ancestors_of(pid), None) == parent.pid]
        number = int(what[3]) if what[3].isdigit() else getattr(signal, f"SIG{what[3]}")
        for pid in children if what[4] else [parent.pid]:
            with contextlib.suppress(ProcessLookupError):  # the end of the other may have ended it
                os.kill(pid, number)
        parent.wait()
        self.trees.clear()
        self.tid_samples.clear()

    def _environment(self) -> dict[str, str]:
        extra = {**self.scenario.environment(), "SIM_VIRTUAL_CLOCK": str(self.virtual_clock.place)}
        if not self.recording.is_statistical():
            extra["SIM_CLOCK"] = self.recording.clock_phase()
        return self.machine.environment(extra)

    def _start(self) -> None:
        setup, argv, environment = self.recording.setup, self.scenario.argv(), self._environment()
        closed = next((one for one in setup if one.startswith("closed fds: ")), "")
        if closed:
            argv = [
                sys.executable,
                "-ISc",
                WITHOUT_FDS,
                ",".join(re.findall(r"\d+", closed)),
                *argv,
            ]
        if "terminal: yes" in setup:
            self.terminal, slave = pty.openpty()
            environment["TERMINAL"] = os.ttyname(slave)
            argv = ["/bin/sh", "-c", WITH_TERMINAL, "sh", *argv]
        stdin = self.machine.root / "stdin"
        stdin.write_bytes(self.scenario.stdin)
        self._launch(argv, environment, stdin)

    def start_second(self) -> None:
        """Start the second stream beside the first."""
        self.virtual_clock.advance(self.virtual_clock.now + START_UP_S)
        recorded = self.recording.second or self.recording.argv
        words = [self.scenario.to_machine(word) for word in recorded]
        self._launch(words, self._environment(), Path(os.devnull))

    def _launch(self, argv: list[str], environment: dict[str, str], stdin: Path) -> None:
        ends = [os.pipe() for _ in ("stdout", "stderr")]
        with stdin.open("rb") as source:
            parent = subprocess.Popen(
                argv,
                env=environment,
                cwd=self.scenario.directory(),
                stdin=source,
                stdout=ends[0][1],
                stderr=ends[1][1],
                start_new_session=True,
            )
        for _, written in ends:
            os.close(written)
        self.pipes += [OutputPipe(read) for read, _ in ends]
        self.parents.append(parent)
        if self.recording.is_unread():
            self.unread = list(self.pipes)
        self.virtual_clock.sessions = {one.pid for one in self.parents}
        self.virtual_clock.settle()

    def _drain(self) -> bool:
        now = self.virtual_clock.now
        drained = [one.drain(now) for one in self.pipes if one not in self.unread]
        return any(drained)

    def _observe(self) -> None:
        for parent in self.parents:
            parent.poll()
        self._observe_tree()
        self._observe_disks()
        board = self.machine.root / "scoreboard"
        if board.exists() and self.boards[-1:] != [board.read_bytes()]:
            self.boards.append(board.read_bytes())

    def _observe_tree(self) -> None:
        up = {member.pid: member.parent for member in self.virtual_clock.members if is_up(member)}
        first = self.parents[0].pid if self.parents else 0
        known = self.halves.values()
        new_pids = by_age((pid for pid in up if up[pid] == first and pid not in known), first)
        if new_pids and not any(pid in up for pid in known):
            self.halves = {}
        free = [role for role in HALVES if role not in self.halves]
        self.halves |= dict(zip(free, new_pids, strict=False))  # the source is the older one
        self.trees.append((self.virtual_clock.now, self.virtual_clock.members))

    def _observe_disks(self) -> None:
        sample = RecordedTids(self.virtual_clock.now, self._slave_tid(), self._source_tid())
        last = self.tid_samples[-1] if self.tid_samples else None
        if last is None or (last.slave, last.source) != (sample.slave, sample.source):
            self.tid_samples.append(sample)

    def _source_tid(self) -> int:
        try:
            return self._disks[0].flush_tid()
        except OSError:
            return 0

    def _slave_tid(self) -> int | None:
        try:
            info = load_info(self._disks[1], 1)
        except OSError:
            return None
        return info.sync_end_tid if info.is_slave else self._disks[1].flush_tid()

    def wait_for_end(self) -> None:
        """Advance time until the command has ended."""
        self.virtual_clock.advance(FOR_EVER, lambda: self.parents[0].returncode is not None)
        # Input of a terminal reaches its reader a little after it was written.
        try:
            self.parents[0].wait(ENDED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.failures.append("it never ended")
            return
        self.virtual_clock.settle()

    def wait_for_moment(self, when: float, what: str) -> None:
        """Wait for the output and commits before an action, and for the time since them."""
        when = self._unambiguous_time(when, what)
        until = when - (NOTED_LATE_S if what.startswith("WRITE ") else 0.0)
        length, printed_at = self._recorded_length(until, is_last=what.startswith("harness "))
        committed = self._recorded_commits(until)

        def has_come() -> bool:
            is_printed = self.pipes[1].reached(length) is not None
            return is_printed and len(commits(self.tid_samples)) >= len(committed)

        self.virtual_clock.advance(FOR_EVER, has_come)
        assert has_come(), (
            f"before {what}: {len(self.stderr)} bytes of output, and committed"
            f" {len(commits(self.tid_samples))} of {len(committed)} times, then nothing more:"
            f" {self.scenario.to_recording(self.stderr)[-300:]!r}"
        )
        reached = [self.pipes[1].reached(length) or 0.0]
        reached += commits(self.tid_samples)[: len(committed)][-1:]
        last = max([printed_at, *committed[-1:]])
        self.virtual_clock.advance(max(reached) + when - last)

    def _unambiguous_time(self, when: float, what: str) -> float:
        """Move a write that was close to a batch clearly before or after it, as recorded.

        The output of the batch shows whether it included the write (transcripts README 5).
        """
        written = re.match(r"WRITE .* -> flush_tid1 ([0-9a-f]+)", what)
        batch = self.recording.batch_near(when, AMBIGUOUS_S) if written else None
        if written is None or batch is None:
            return when
        if batch.takes_in(int(written[1], 16), when):
            return min(when, batch.at) - AMBIGUOUS_S
        return batch.at + AMBIGUOUS_S

    def _recorded_commits(self, until: float) -> list[float]:
        """Return the commits to wait for, only without -v: otherwise output is enough."""
        recording = self.recording
        if self.unread or not recording.is_silent() or not recording.tid_samples:
            return []
        moments = [at for at in commits(recording.tid_samples) if at < until]
        first, own = recording.tid_samples[0], self.tid_samples[0].slave
        if first.slave != own and own in (None, FRESH_TID):
            moments.insert(0, first.at)  # made before the recording's first scan
        return moments[:1] if recording.is_statistical() else moments

    def _recorded_length(self, until: float, *, is_last: bool) -> tuple[int, float]:
        """Return length and time of the output so far, without a tail that may be missing."""
        lengths, output = [], ""
        for at, text in self.recording.chunks:
            if at >= until or self.unread:
                break
            output += text
            lengths.append((len(deterministic(self.scenario.to_machine(output))), at))
        wanted = lengths[-1][0] - UNCERTAIN_TAIL_BYTES * is_last if lengths else 0
        return next(((size, at) for size, at in lengths if size >= wanted), (0, 0.0))

    def living(self, number: int) -> list[ProcessState]:
        """Return the living processes of the first or second stream."""
        session = self.parents[number].pid
        return [one for one in self.virtual_clock.members if is_up(one) and one.session == session]

    def end(self) -> None:
        """End all processes; each is stopped first so that it does not react to the others."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for member in self.virtual_clock.members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.pid, number)
        for parent in self.parents:
            parent.wait()
        for pipe in self.pipes:
            while pipe.drain(self.virtual_clock.now):
                pass
            pipe.close()
        if self.terminal >= 0:
            os.close(self.terminal)
        self.virtual_clock.close()


def is_up(member: ProcessState) -> bool:
    """Return whether a process lives, running or stopped."""
    return member.status not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
