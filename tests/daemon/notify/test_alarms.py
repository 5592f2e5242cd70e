"""Alarms of a daemon: told once, also over its restart; the heartbeat only while all is well."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import structlog
from structlog.testing import capture_logs

from hammerd.core.api.pair_report import PairReport
from hammerd.core.api.protocol import Answer, Refusal
from hammerd.core.api.status_json import Json
from hammerd.core.config.model import AlarmLevel, NotifyConfig, Receiver
from hammerd.core.paths import ALARMS_FILE
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.notify.alarms import Alarms, Reports
from hammerd.daemon.notify.notifier import Notifier
from hammerd.daemon.notify.program import OnRan, Program, Ran
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.clock import Clock
from tests.core.api.print_health_table import COLUMNS, NOW_AT, ROWS, report

GOOD, DOWN = (
    report(ROWS["streaming: idle"], COLUMNS["in sync"]),
    report(ROWS["waiting: backoff"], COLUMNS["in sync"]),
)
CONFIG = NotifyConfig(after=2, receivers=(Receiver("notify", ("/mail",)),))
PAGER = Receiver("notify.pager", ("/page",), AlarmLevel.CRITICAL)


@dataclass
class FakeProgram:
    """A fake of Program: keeps the messages by command."""

    result: Ran = field(default_factory=lambda: Ran("exit 0"))
    told: list[tuple[str, str]] = field(default_factory=list)

    def run(self, argv: Sequence[str], message: Json, timeout_s: float, on_ran: OnRan) -> None:
        self.told.append((argv[0], f"{message['kind']} {message['summary']}"))
        asyncio.get_running_loop().call_soon(on_ran, self.result)


class Setup:
    """Alarms of one daemon, whose reports a test sets."""

    def __init__(self, directory: Path, config: NotifyConfig = CONFIG) -> None:
        loop, log = asyncio.get_running_loop(), cast(Logger, structlog.get_logger())
        self.program, self.writer = FakeProgram(), WriterThread()
        self.now_at = NOW_AT
        self.reports: Mapping[str, PairReport] = {"home": GOOD}
        self.daemon: dict[str, object] = {}
        clock = Clock(lambda: self.now_at)
        notifier = Notifier(loop, cast(Program, self.program), log)
        self.alarms = Alarms(directory, notifier, clock, self.writer, log)
        self.alarms.reports = Reports(self.pairs, lambda: self.daemon)
        self.alarms.follow_config(config)
        self.alarms.load()

    def pairs(self) -> list[PairReport]:
        return [
            replace(one, life=replace(one.life, pair=replace(one.life.pair, name=name)))
            for name, one in self.reports.items()
        ]

    async def look(self, *reports: PairReport) -> list[str]:
        """Look once at each of these reports of the pair; return what was told by it."""
        before = len(self.program.told)
        for one in reports:
            self.reports = {"home": one}
            self.alarms.look()
            await settle()
        return [f"{command}: {said}" for command, said in self.program.told[before:]]

    async def stop(self) -> None:
        self.alarms.finish(self.writer)
        await asyncio.to_thread(self.writer.close, 30)


async def settle() -> None:
    """Let the timers and callbacks of this turn run."""
    for _ in range(20):
        await asyncio.sleep(0)


def run(act: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(cast(Any, act()))


def test_alarm_is_told_once_over_restarts_and_its_recovery_by_the_next_daemon(
    tmp_path: Path,
) -> None:
    async def act() -> None:
        first = Setup(tmp_path)
        assert await first.look(DOWN, DOWN, DOWN) == ["/mail: warning warning: home, why"]
        await first.stop()

        second = Setup(tmp_path)
        assert await second.look(DOWN, DOWN, DOWN) == []
        await second.stop()

        third = Setup(tmp_path)
        (told,) = await third.look(GOOD, GOOD)
        assert told.startswith("/mail: recovered recovered: home")
        await third.stop()
        assert await Setup(tmp_path).look(GOOD, GOOD, GOOD) == []

    run(act)


def test_what_was_not_sent_is_sent_by_the_next_daemon(tmp_path: Path) -> None:
    async def act() -> None:
        first = Setup(tmp_path)
        first.program.result = Ran("exit 1", "", "exit 1")
        await first.look(DOWN, DOWN)
        assert first.alarms.describe()["notify_waiting"] == 1
        assert first.alarms.describe()["notify_failed_because"] == "exit 1"
        await first.stop()

        second = Setup(tmp_path)
        await settle()
        assert second.program.told == [("/mail", "warning warning: home, why")]
        assert second.alarms.describe()["notify_sent"] == {
            **dict.fromkeys(("critical", "recovered", "reminder", "heartbeat", "test"), 0),
            "warning": 1,
        }
        await second.stop()

    run(act)


def test_damaged_file_is_set_aside_and_alarms_begin_anew(tmp_path: Path) -> None:
    (tmp_path / ALARMS_FILE).write_text('{"version": 1, "alarms": 3, "waiting": {}}')

    async def act() -> None:
        with capture_logs() as logs:
            setup = Setup(tmp_path)
        assert [one["event"] for one in logs] == ["state.unreadable"]
        assert len(await setup.look(DOWN, DOWN)) == 1
        await setup.stop()

    run(act)
    assert (tmp_path / f"{ALARMS_FILE}.bad").exists()
    assert json.loads((tmp_path / ALARMS_FILE).read_text())["alarms"].keys() == {"home"}


def test_receiver_of_critical_alarms_hears_no_warning(tmp_path: Path) -> None:
    config = replace(CONFIG, receivers=(*CONFIG.receivers, PAGER))
    parked = report(ROWS["parked"], COLUMNS["in sync"])

    async def act() -> None:
        setup = Setup(tmp_path, config)
        assert [one.split()[0] for one in await setup.look(DOWN, DOWN)] == ["/mail:"]
        told = [one.split(":")[0] for one in await setup.look(parked, GOOD, GOOD)]
        assert sorted(told) == ["/mail", "/mail", "/page", "/page"]
        await setup.stop()

    run(act)


def test_pair_without_alarms_is_silent_and_stops_no_heartbeat(tmp_path: Path) -> None:
    config = replace(CONFIG, heartbeat=("/beat",))
    silent = replace(DOWN, life=replace(DOWN.life, pair=replace(DOWN.life.pair, notify=False)))

    async def act() -> None:
        setup = Setup(tmp_path, config)
        told = await setup.look(silent, silent, silent)
        assert [one.split()[0] for one in told] == ["/beat:"]
        await setup.stop()

    run(act)


def test_heartbeat_beats_only_while_all_is_well(tmp_path: Path) -> None:
    config = replace(CONFIG, heartbeat=("/beat",), receivers=())
    unknown = report(ROWS["streaming: idle"], COLUMNS["never <300"])
    paused = report(ROWS["stopped, paused"], COLUMNS["never 1800"])

    async def act() -> None:
        setup = Setup(tmp_path, config)

        async def beats(one: PairReport) -> bool:
            setup.now_at += 300.0
            return bool(await setup.look(one))

        assert not await beats(unknown), "nothing is proven after a start"
        assert await beats(GOOD)
        assert not await beats(DOWN)
        assert await beats(GOOD), "one bad look was no alarm"
        assert not await beats(DOWN)
        assert not await beats(DOWN)
        assert not await beats(GOOD), "the alarm has not recovered yet"
        assert await beats(GOOD)
        assert await beats(paused), "nobody wants it to run"
        setup.daemon = {"state_unsaved_because": "no space"}
        assert not await beats(GOOD)
        await setup.stop()

    run(act)


def test_reload_without_notify_ends_alarms_silently(tmp_path: Path) -> None:
    async def act() -> None:
        setup = Setup(tmp_path)
        await setup.look(DOWN, DOWN)
        setup.alarms.follow_config(NotifyConfig())
        assert await setup.look(DOWN, GOOD, GOOD) == []
        assert setup.alarms.describe()["alarms"] == []
        setup.alarms.follow_config(CONFIG)
        assert len(await setup.look(DOWN, DOWN)) == 1, "alarms are wanted again"
        await setup.stop()

    run(act)


def test_many_pairs_with_one_cause_make_one_notification(tmp_path: Path) -> None:
    async def act() -> None:
        setup = Setup(tmp_path)
        setup.reports = {f"pair{number}": DOWN for number in range(1000)}
        for _ in range(2):
            setup.alarms.look()
        await settle()
        assert [said for _, said in setup.program.told] == ["warning warning: 1000 pairs, why"]
        await setup.stop()
        again = Setup(tmp_path)
        alarms = again.alarms.describe()["alarms"]
        assert isinstance(alarms, list)
        assert len(alarms) == 1000
        await again.stop()

    run(act)


def test_acknowledged_alarm_is_shown_so(tmp_path: Path) -> None:
    async def act() -> None:
        setup = Setup(tmp_path)
        await setup.look(DOWN, DOWN)
        setup.alarms.acknowledge("home")
        alarms = setup.alarms.describe()["alarms"]
        assert isinstance(alarms, list)
        assert [(one["pair"], one["is_acknowledged"]) for one in alarms] == [("home", True)]
        await setup.stop()

    run(act)


def test_test_answers_for_each_receiver(tmp_path: Path) -> None:
    config = replace(CONFIG, receivers=(*CONFIG.receivers, PAGER), heartbeat=("/beat",))

    async def act() -> None:
        setup = Setup(tmp_path, config)
        plain = await setup.alarms.test(None, ())
        assert isinstance(plain, Answer)
        ran = plain.data["ran"]
        assert isinstance(ran, list)
        assert [one["receiver"] for one in ran] == ["notify", "notify.pager"]
        await setup.alarms.test("warning", ("home",))
        await setup.alarms.test("heartbeat", ())
        assert setup.program.told[2:] == [
            ("/mail", "warning test, kind warning: home"),
            ("/beat", "heartbeat test, kind heartbeat"),
        ]
        setup.alarms.follow_config(NotifyConfig())
        assert isinstance(await setup.alarms.test(None, ()), Refusal)
        assert isinstance(await setup.alarms.test("loud", ()), Refusal)
        await setup.stop()

    run(act)
