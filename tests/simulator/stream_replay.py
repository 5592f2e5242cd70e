"""Plays a recorded stream again: each action follows what the stream had said before it."""

from __future__ import annotations

import json
import os
import re
import signal
import time

from tests.simulator.machine import Machine, Stream, wait_for
from tests.simulator.recording import Recording, Replay

LAST_WORDS = 80
CLOSE_CALL_S = 1.0
NOTED_LATE_S = 0.05  # an action was noted when it was done, and its effect may be older

_KILL = re.compile(r"kill (parent|source|target|whole process group) .*with (SIG\w+)")
_REMARKS = ("started", "reached", "process ended", "in sync", "scoreboard", "harness waits")


class StreamReplay:
    """A stream that runs beside its recording."""

    def __init__(self, machine: Machine, recording: Recording, *, time_scale: float) -> None:
        self.recording = recording
        self.replay = Replay(machine, recording)
        self.machine = machine
        self.time_scale = time_scale
        self.chunks = _chunks(recording)

    def run(self) -> Stream:
        """Set up, start the stream, and do all that was done to it, up to its end."""
        self.replay.set_up()
        extra = {
            **self.replay.environment(),
            "SIM_CLOCK": "round",
            "SIM_TIME_SCALE": str(self.time_scale),
        }
        stream = self.machine.stream(*self.replay.argv()[1:], extra=extra)
        for when, what in self.recording.actions:
            if not what.startswith(_REMARKS):
                # The last recorded words may have been cut off by the harness in any place.
                slack = LAST_WORDS if what.startswith("harness ") else 0
                self._wait_for_moment(stream, when, slack)
                self._act(stream, what)
        return stream

    def _wait_for_moment(self, stream: Stream, when: float, slack: int) -> None:
        if self._is_just_before_a_batch(when):
            when -= CLOSE_CALL_S  # it was just taken in by the batch that began
        before = [(at, text) for at, text in self.chunks if at <= when - NOTED_LATE_S]
        length = len(self.replay.here("".join(text for _, text in before)))
        wait_for(lambda: len(stream.said()) >= length - slack)
        said_at = before[-1][0] if before else 0.0
        self._sleep_until(stream.stderr_path.stat().st_mtime, when - said_at)

    def _is_just_before_a_batch(self, when: float) -> bool:
        """Tell whether a batch began right after; one that the action itself woke does not count.

        After the D the stream is in its rest, which ends by itself; else it waits for a write.
        """
        said = "".join(text for at, text in self.chunks if at <= when)
        if not said.endswith("D"):
            return False
        return any(when < at < when + CLOSE_CALL_S and "\b " in text for at, text in self.chunks)

    def _sleep_until(self, since: float, seconds: float) -> None:
        """Let the recorded time pass since the stream's last word."""
        time.sleep(max(0.0, since + seconds / self.time_scale - time.time()))

    def _act(self, stream: Stream, what: str) -> None:
        kill = _KILL.match(what)
        if kill:
            _kill(stream, kill[1], getattr(signal, kill[2]))
        elif what.startswith("SIGCONT"):
            os.killpg(stream.parent.pid, signal.SIGCONT)
        elif what.startswith("harness "):
            assert len(stream.group()) == _survivors(what)
        else:
            self.replay.perform(what)

    def said(self, stream: Stream) -> str:
        return self.replay.there(stream.stderr_path.read_bytes())


def _survivors(what: str) -> int:
    counted = re.search(r"SIGKILL to (\d+) remaining", what)
    return int(counted[1]) if counted else what.count("/sbin/hammer")


def _kill(stream: Stream, who: str, signal_number: int) -> None:
    if who == "whole process group":
        os.killpg(stream.parent.pid, signal_number)
    elif who == "parent":
        stream.parent.send_signal(signal_number)
    else:
        source, target = (pid for pid in stream.group() if pid != stream.parent.pid)
        os.kill(source if who == "source" else target, signal_number)


def _chunks(recording: Recording) -> list[tuple[float, str]]:
    lines = (json.loads(line) for line in recording.text("timing.jsonl").splitlines())
    return [(line["t"], line["data"]) for line in lines if line["stream"] == "stderr"]
