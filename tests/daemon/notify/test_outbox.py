"""Each receiver is told in order; what fails is tried again, later each time, for a day."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import structlog
from structlog.testing import capture_logs

from hammerd.core.api.status_json import Json
from hammerd.core.config.model import Receiver
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.notify.outbox import (
    MOST_WAITING,
    RETRY_FOR_S,
    RETRY_INITIAL_S,
    TRIES_IN_ORDER,
    Outbox,
)
from hammerd.daemon.notify.program import OnRan, Ran
from tests.daemon.timing.fast_loop import FastLoop

GOOD, BAD = Ran("exit 0"), Ran("exit 1", "no route", "exit 1: no route")


def message(name: str) -> Json:
    return {"kind": "critical", "summary": name, "pairs": [{"pair": name}]}


@dataclass
class Program:
    """A fake of the program: keeps what was run and when; `answer` is the result of each run."""

    answer: Callable[[str], Ran | None] = lambda _name: GOOD
    ran: list[str] = field(default_factory=list)
    ran_at: list[float] = field(default_factory=list)
    on_ran: OnRan = print

    def run(self, argv: Sequence[str], found: Json, timeout_s: float, on_ran: OnRan) -> None:
        loop, name = asyncio.get_running_loop(), str(found["summary"])
        self.ran.append(name)
        self.ran_at.append(loop.time() - 1000.0)
        self.on_ran = on_ran
        if (result := self.answer(name)) is not None:
            loop.call_soon(on_ran, result)


def outbox(program: Program) -> Outbox:
    log = cast(Logger, structlog.get_logger())
    receiver = Receiver("notify.pager", ("/bin/page",))
    return Outbox(asyncio.get_running_loop(), receiver, program.run, log)


def play(act: Callable[[], Awaitable[None]]) -> None:
    loop = FastLoop()
    try:
        loop.run_until_complete(cast("asyncio.Future[None]", act()))
    finally:
        loop.close()


def test_notifications_are_sent_in_order_one_at_a_time() -> None:
    program = Program(answer=lambda _name: None)

    async def act() -> None:
        box = outbox(program)
        for name in ("a", "b"):
            box.put(message(name))
        await asyncio.sleep(60)
        assert program.ran == ["a"], "the first one still runs"
        program.on_ran(GOOD)
        await asyncio.sleep(60)
        assert program.ran == ["a", "b"]
        assert box.tally.sent == {"critical": 1}

    play(act)


def test_what_failed_is_tried_again_later_each_time_and_told_once() -> None:
    program = Program(answer=lambda _name: BAD if len(program.ran) < 4 else GOOD)

    async def act() -> None:
        box = outbox(program)
        with capture_logs() as logs:
            box.put(message("a"))
            await asyncio.sleep(600)
        assert [(one["event"], one["log_level"]) for one in logs] == [
            ("notify.failed", "warning"),
            ("notify.failed", "debug"),
            ("notify.failed", "debug"),
            ("notify.sent", "info"),
        ]
        assert (logs[0]["because"], logs[0]["receiver"]) == ("exit 1: no route", "notify.pager")
        assert (logs[3]["tries"], logs[3]["pair"]) == (4, "a")
        assert box.tally.failed_because is None
        assert box.waiting == []

    play(act)
    waits = [later - at for at, later in zip(program.ran_at, program.ran_at[1:], strict=False)]
    assert all(wait >= 0.8 * RETRY_INITIAL_S for wait in waits)
    assert waits[2] > 2 * waits[0]


def test_one_that_never_works_lets_the_others_pass_and_is_given_up_after_a_day() -> None:
    program = Program(answer=lambda name: BAD if name == "poison" else GOOD)

    async def act() -> None:
        box = outbox(program)
        with capture_logs() as logs:
            box.put(message("poison"))
            box.put(message("good"))
            await asyncio.sleep(120)
            assert program.ran[:4] == [*["poison"] * TRIES_IN_ORDER, "good"]
            assert box.tally.sent == {"critical": 1}
            await asyncio.sleep(RETRY_FOR_S + 3600)
        assert box.waiting == []
        assert box.tally.dropped == 1
        assert [one["event"] for one in logs].count("notify.given_up") == 1

    play(act)


def test_oldest_are_dropped_and_counted_but_never_the_one_that_runs() -> None:
    program = Program(answer=lambda _name: None)

    async def act() -> None:
        box = outbox(program)
        box.put(message("running"))
        await asyncio.sleep(1)
        with capture_logs() as logs:
            for number in range(MOST_WAITING + 4):
                box.put(message(f"n{number}"))
        assert len(box.waiting) == MOST_WAITING
        assert box.tally.dropped == 5
        assert box.waiting[0].message["summary"] == "running"
        assert box.waiting[1].message["summary"] == "n5"
        assert {one["event"] for one in logs} == {"notify.dropped"}

    play(act)


def test_receiver_that_left_the_config_is_told_nothing_more() -> None:
    program = Program(answer=lambda _name: None)

    async def act() -> None:
        box = outbox(program)
        box.put(message("a"))
        await asyncio.sleep(1)
        box.put(message("b"))
        box.close()
        with capture_logs() as logs:
            program.on_ran(BAD)
            await asyncio.sleep(3600)
        assert (program.ran, logs) == (["a"], [])

    play(act)
