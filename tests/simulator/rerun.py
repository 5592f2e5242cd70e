"""Runs a recording again in conducted time: each action follows what was said before it.

Nothing is started from the clock of the recording: an action waits for the words and commits that
the recording had seen by then, and then for the time that had passed since the last of them.
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

from hammerd.daemon.process.process_table import ancestors_of, ids
from hammerd.simulator.kernel.file_system import FileSystem
from hammerd.simulator.kernel.pfs_info import load_info
from tests.simulator.conductor import FOR_EVER, Conductor, Member, by_age
from tests.simulator.machine import Machine
from tests.simulator.normal import certain
from tests.simulator.outlets import Outlet
from tests.simulator.recording import Recording, Sync, commits
from tests.simulator.stage import Stage

NOTED_LATE_S = 0.05  # a write was noted when it was done, and its effect may be older
LAST_WORDS = 160  # the harness may have cut off what was said at the end in any place
CLOSE_CALL_S = 0.3
ENDED_WITHIN_S = 30.0
START_UP_S = 0.02
"""What the start of a second stream took, whose words were recorded without their times."""
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
    """One recording, played on a machine of our own; what came of it is kept for comparing."""

    def __init__(self, machine: Machine, recording: Recording) -> None:
        self.machine, self.recording = machine, recording
        self.stage = Stage(machine, recording)
        self.complaints: list[str] = []
        self.syncs: list[Sync] = []
        self.trees: list[tuple[float, tuple[Member, ...]]] = []
        self.boards: list[bytes] = []
        self.outlets: list[Outlet] = []
        self.unread: list[Outlet] = []
        self.parents: list[subprocess.Popen[bytes]] = []
        self.halves: dict[str, int] = {}
        self.strange: list[str] = []
        self.terminal = -1
        self.conductor = Conductor(machine.root / "time", self._drain, self._observe)
        self._disks = [FileSystem(str(machine.path(f"/Backup{number}"))) for number in (1, 2)]

    @property
    def stderr(self) -> bytes:
        return self.outlets[1].all()

    @property
    def status(self) -> int | None:
        return self.parents[0].returncode

    def set_up(self) -> None:
        """Make everything as it was before the command, and start it."""
        for action in self.recording.setup:
            interrupted = _INTERRUPTED.match(action)
            if interrupted:
                self._interrupt(interrupted)
            else:
                self.stage.perform(action)
        self._observe_disks()
        self._start()

    def _interrupt(self, what: re.Match[str]) -> None:
        """Run a command for so many seconds and end its halves."""
        parent = subprocess.Popen(
            self.stage.here(what[1]).split(),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.conductor.sessions = {parent.pid}
        self.conductor.advance(self.conductor.now + float(what[2]))
        children = [pid for pid in ids() if next(ancestors_of(pid), None) == parent.pid]
        number = int(what[3]) if what[3].isdigit() else getattr(signal, f"SIG{what[3]}")
        for pid in children if what[4] else [parent.pid]:
            with contextlib.suppress(ProcessLookupError):  # the other's end may have ended it
                os.kill(pid, number)
        parent.wait()
        self.trees.clear()
        self.syncs.clear()

    def _environment(self) -> dict[str, str]:
        extra = {**self.stage.environment(), "SIM_CONDUCTOR": str(self.conductor.place)}
        if not self.recording.is_statistical():
            extra["SIM_CLOCK"] = self.recording.clock_phase()
        return self.machine.environment(extra)

    def _start(self) -> None:
        setup, argv, environment = self.recording.setup, self.stage.argv(), self._environment()
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
        stdin.write_bytes(self.stage.stdin)
        self._launch(argv, environment, stdin)

    def start_second(self) -> None:
        """Start the second stream beside the first."""
        self.conductor.advance(self.conductor.now + START_UP_S)
        recorded = self.recording.second or self.recording.argv
        words = [self.stage.here(word) for word in recorded]
        self._launch(words, self._environment(), Path(os.devnull))

    def _launch(self, argv: list[str], environment: dict[str, str], stdin: Path) -> None:
        ends = [os.pipe() for _ in ("stdout", "stderr")]
        with stdin.open("rb") as source:
            parent = subprocess.Popen(
                argv,
                env=environment,
                cwd=self.stage.directory(),
                stdin=source,
                stdout=ends[0][1],
                stderr=ends[1][1],
                start_new_session=True,
            )
        for _, written in ends:
            os.close(written)
        self.outlets += [Outlet(read) for read, _ in ends]
        self.parents.append(parent)
        if self.recording.is_unread():
            self.unread = list(self.outlets)
        self.conductor.sessions = {one.pid for one in self.parents}
        self.conductor.settle()

    def _drain(self) -> bool:
        now = self.conductor.now
        drained = [one.drain(now) for one in self.outlets if one not in self.unread]
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
        up = {member.pid: member.parent for member in self.conductor.members if is_up(member)}
        first = self.parents[0].pid if self.parents else 0
        known = self.halves.values()
        fresh = by_age((pid for pid in up if up[pid] == first and pid not in known), first)
        if fresh and not any(pid in up for pid in known):
            self.halves = {}
        free = [role for role in HALVES if role not in self.halves]
        self.halves |= dict(zip(free, fresh, strict=False))  # the source is the older one
        self.trees.append((self.conductor.now, self.conductor.members))

    def _observe_disks(self) -> None:
        sync = Sync(self.conductor.now, self._slave_tid(), self._source_tid())
        last = self.syncs[-1] if self.syncs else None
        if last is None or (last.slave, last.source) != (sync.slave, sync.source):
            self.syncs.append(sync)

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
        """Let time move on until the command has ended."""
        self.conductor.advance(FOR_EVER, lambda: self.parents[0].returncode is not None)
        # What a terminal was given reaches its reader a little later than the typing is over.
        try:
            self.parents[0].wait(ENDED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.complaints.append("it never ended")
            return
        self.conductor.settle()

    def wait_for_moment(self, when: float, what: str) -> None:
        """Wait until all was said and committed that had been by then, and for the time since."""
        when = self._safe_moment(when, what)
        until = when - (NOTED_LATE_S if what.startswith("WRITE ") else 0.0)
        length, said_at = self._recorded_length(until, is_last=what.startswith("harness "))
        committed = self._recorded_commits(until)

        def came() -> bool:
            is_said = self.outlets[1].reached(length) is not None
            return is_said and len(commits(self.syncs)) >= len(committed)

        self.conductor.advance(FOR_EVER, came)
        assert came(), (
            f"before {what}: said {len(self.stderr)} bytes and committed"
            f" {len(commits(self.syncs))} of {len(committed)} times, then nothing more:"
            f" {self.stage.there(self.stderr)[-300:]!r}"
        )
        reached = [self.outlets[1].reached(length) or 0.0]
        reached += commits(self.syncs)[: len(committed)][-1:]
        last = max([said_at, *committed[-1:]])
        self.conductor.advance(max(reached) + when - last)

    def _safe_moment(self, when: float, what: str) -> float:
        """Move a write that was a moment away from a batch to the side of it that it was on.

        Whether the batch took it in is told by what it said (transcripts README 5).
        """
        written = re.match(r"WRITE .* -> flush_tid1 ([0-9a-f]+)", what)
        batch = self.recording.batch_near(when, CLOSE_CALL_S) if written else None
        if written is None or batch is None:
            return when
        if batch.takes_in(int(written[1], 16), when):
            return min(when, batch.at) - CLOSE_CALL_S
        return batch.at + CLOSE_CALL_S

    def _recorded_commits(self, until: float) -> list[float]:
        """Return the commits that the silent are held to: all else is held to its words."""
        recording = self.recording
        if self.unread or not recording.is_silent() or not recording.syncs:
            return []
        moments = [at for at in commits(recording.syncs) if at < until]
        first, own = recording.syncs[0], self.syncs[0].slave
        if first.slave != own and own in (None, FRESH_TID):
            moments.insert(0, first.at)  # made before the recording's first look
        return moments[:1] if recording.is_statistical() else moments

    def _recorded_length(self, until: float, *, is_last: bool) -> tuple[int, float]:
        """Return how much had been said and when, all but the last words where they may miss."""
        lengths, said = [], ""
        for at, text in self.recording.chunks:
            if at >= until or self.unread:
                break
            said += text
            lengths.append((len(certain(self.stage.here(said))), at))
        wanted = lengths[-1][0] - LAST_WORDS * is_last if lengths else 0
        return next(((size, at) for size, at in lengths if size >= wanted), (0, 0.0))

    def living(self, number: int) -> list[Member]:
        """Return the processes of the first or second stream that are up."""
        session = self.parents[number].pid
        return [one for one in self.conductor.members if is_up(one) and one.session == session]

    def end(self) -> None:
        """End all that is left, none of it hearing of another's end."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for member in self.conductor.members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.pid, number)
        for parent in self.parents:
            parent.wait()
        for outlet in self.outlets:
            while outlet.drain(self.conductor.now):
                pass
            outlet.close()
        if self.terminal >= 0:
            os.close(self.terminal)
        self.conductor.close()


def is_up(member: Member) -> bool:
    """Tell whether a process lives, if only stopped."""
    return member.status not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
