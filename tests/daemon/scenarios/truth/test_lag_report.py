"""What `hammerd lag` tells of a real daemon's history: its marks, and what is safe."""

import signal
import time
from collections.abc import Sequence

import psutil

from hammerd.cli.history.queries import read_history
from hammerd.cli.lag.losses import loss_of
from hammerd.cli.lag.past import Past, Question
from hammerd.cli.lag.reading import pasts_of
from hammerd.core.api.protocol import Verb
from hammerd.core.lag_report.course import Period
from hammerd.core.lag_report.marks import Mark
from hammerd.core.rfc3339 import parse_rfc3339
from tests.daemon.world import World
from tests.waiting import until


def past_of(world: World, since_ms: int) -> Past:
    now_ms = time.time_ns() // 1_000_000 + 1
    question = Question(Period(since_ms, now_ms), has_marks=True)
    (past,) = read_history(
        str(world.root / "db/history.db"),
        lambda opened: list(pasts_of(opened, ["test"], question)),
    )
    return past


def kinds(marks: Sequence[Mark]) -> list[str]:
    return [each.kind.value for each in marks]


def test_marks_and_safe_moments_are_those_of_the_daemon(mirrored: World) -> None:
    began_ms = time.time_ns() // 1_000_000
    before = mirrored.wait_until_following()
    mirrored.ask(Verb.PAUSE, "test")
    mirrored.wait_for(lambda now: now["state"] == "stopped", "stopped")
    mirrored.ask(Verb.RESUME, "test")
    after = mirrored.wait_until_following()
    psutil.Process(after["half_pids"][0]).send_signal(signal.SIGKILL)
    mirrored.wait_for(lambda now: now["restarts"] > before["restarts"], "a new stream")
    safe = mirrored.wait_for(lambda now: now["safe_until_time"], "safe")
    safe_ms = parse_rfc3339(safe["safe_until_time"]).timestamp() * 1_000

    wanted = ["paused", "restart"]
    until(lambda: kinds(past_of(mirrored, began_ms).marks)[-2:] == wanted, "the marks")

    def promised_ms() -> int:
        now_ms = time.time_ns() // 1_000_000
        return loss_of(past_of(mirrored, began_ms), now_ms).safe_ms or 0

    until(lambda: promised_ms() >= safe_ms - 2_000, "a sample that tells as much as the status")
    # Read after the sample: the status tells no less.
    promise_ms = promised_ms()
    now = mirrored.status()["safe_until_time"]
    assert promise_ms <= parse_rfc3339(now).timestamp() * 1_000
