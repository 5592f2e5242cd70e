"""An interrupted reload leaves the old config whole, and the next one applies the new one."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest
import structlog

from hammerd.core.api.protocol import STOPPING, Answer, Refusal, Reply
from hammerd.core.config.model import Config, LogFormat, LogLevel
from hammerd.core.exit_codes import Exit
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.config_diff import Reload
from hammerd.core.pair.slave_claims import Claim, Resource, SlaveClaims, slave_keys
from hammerd.core.pair.states import Probing, Stopped
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.plans.record import PlanName, PlanRecord
from hammerd.core.replication.anomaly_detector import AnomalyDetector
from hammerd.core.replication.lag import Lag
from hammerd.daemon.logging.files import LogFiles
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.logging.setup import Logger, LogStyle
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.state.plan_records import remove_record, write_record
from hammerd.daemon.state.store import StateStore
from hammerd.daemon.supervisor import reload as reload_module
from hammerd.daemon.supervisor.held_ends import HeldEnds
from hammerd.daemon.supervisor.holds import Holds, Surroundings
from hammerd.daemon.supervisor.reload import Reloader, ReloadParts, load_config
from hammerd.daemon.threads import blocking_calls as blocking_module
from hammerd.daemon.threads.writer_thread import WriterThread
from hammerd.daemon.timing.clock import Clock
from tests.daemon.at_each_await import Stop, Unexpected, interrupt, missed, until_tasks_end
from tests.daemon.quiet_engine import quiet_engine


class BreakableDetector(AnomalyDetector):
    """Raises for the slave that `broken` names."""

    broken: Endpoint | None = None

    def add_disks(self, slave: Endpoint, *unique_uuids: str) -> bool:
        if slave == self.broken:
            raise Unexpected(f"no {slave} today")
        return super().add_disks(slave, *unique_uuids)


class BreakableReadings(ReadingStore):
    """Raises in each step of a pair while `is_broken`."""

    is_broken = False

    def lag(self, pair: Pair, now_at: float) -> Lag:
        if self.is_broken:
            raise Unexpected("no lag today")
        return super().lag(pair, now_at)


class Forgetful:
    """A fake sampler: keeps the pairs and endpoints that it must forget."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def forget(self, pair: str) -> None:
        self.forgotten.append(pair)

    def forget_all_but(self, ends: Collection[Endpoint]) -> None:
        self.kept = frozenset(ends)


class Setup:
    """A reloader whose config in force has the pair `old`; its file holds another config."""

    def __init__(self, root: Path) -> None:
        self.path = root / "hammerd.toml"
        self._root = root
        self.write("old")
        loop, log = asyncio.get_running_loop(), cast(Logger, structlog.get_logger())
        config, clock, self.writer = load_config(self.path), Clock(loop.time), WriterThread()
        self.readings, journal = BreakableReadings(clock=clock), Journal(log, log)
        self.slaves = SlaveClaims()
        self.engine = quiet_engine(journal, self.readings, slaves=self.slaves)
        self.anomaly_detector, self.sampler = BreakableDetector(), Forgetful()
        self.store = StateStore(root / "db", self.readings, clock, self.writer, log)
        self.store.memories = self.engine.memories
        style = LogStyle(LogFormat.HUMAN, LogLevel.INFO)
        ends = HeldEnds(self.engine.lives, lambda one: slave_keys((one,), None), self.slaves)
        around = Surroundings(
            self.slaves, lambda _ends: False, self.sampler.forget, self.anomaly_detector.explain
        )
        self.holds = Holds(str(root / "db"), self.engine, ends, around, clock)
        parts = ReloadParts(
            self.engine,
            self.store,
            self.readings,
            self.anomaly_detector,
            self.sampler,
            self.writer,
            LogFiles(config.daemon),
            (style, replace(style)),
            journal,
            clock,
            self.holds,
        )
        self.reloader = Reloader(config, self.path, parts)
        self.applied: list[Reload] = []
        self.reloader.on_applied = self.applied.append
        for pair in config.pairs:
            self.reloader.add(pair)

    def write(self, *pairs: str, more: str = "") -> None:
        """Write these pairs to the config file."""
        lines = [
            "[daemon]",
            f'state_dir = "{self._root}/db"',
            f'run_dir = "{self._root}/run"',
            f'log_file = "{self._root}/hammerd.log"',
            f'lag_log_file = "{self._root}/lag.log"',
        ]
        for name in pairs:
            lines += [f"[pairs.{name}]", f'master = "/m/{name}"', f'slave = "/s/{name}"']
        self.path.write_text("\n".join([*lines, more, ""]))

    def config(self) -> Config:
        return self.reloader.config

    def pairs(self) -> list[str]:
        return [life.pair.name for life in self.engine.lives()]

    def names_in_force(self) -> list[str]:
        return [pair.name for pair in self.config().pairs]

    def is_whole(self, *names: str) -> bool:
        """Return whether these are the pairs of the config and of the engine."""
        return self.names_in_force() == self.pairs() == [*names]

    async def reload(self) -> Reply:
        """Reload once the thread of a reload that was given up has ended."""
        while True:
            reply = await self.reloader.reload()
            if not (isinstance(reply, Refusal) and "cannot be opened within" in reply.error):
                return reply
            await asyncio.sleep(0)


@contextmanager
def make_setup(root: Path) -> Iterator[Setup]:
    setup = Setup(root)
    try:
        yield setup
    finally:
        assert setup.writer.close(60)


# --- what must hold at each await ------------------------------------------------------------


async def a_reload(root: Path, stop: Stop) -> None:
    with make_setup(root) as setup:
        setup.write("new", "other")
        task = await stop.run(setup.reloader.reload())

        # A cancel together with the answer is too late.
        is_done = not task.cancelled() and task.exception() is None
        assert is_done or stop.was_reached
        assert not (is_done and stop.was_reached and stop.error), "the caller hears of it"
        assert setup.is_whole(*(("new", "other") if is_done else ("old",)))
        assert len(setup.applied) == is_done
        reply = await setup.reload()
        assert isinstance(reply, Answer)
        assert setup.is_whole("new", "other")
        assert setup.applied[0].start == ("new", "other")


async def a_reload_that_another_one_waits_for(root: Path, stop: Stop) -> None:
    with make_setup(root) as setup:
        setup.write("new")
        first = stop.begin(setup.reloader.reload())
        second = asyncio.create_task(setup.reload())
        await asyncio.wait([first, second])

        assert isinstance(second.result(), Answer)
        assert setup.is_whole("new")


async def a_reload_that_waits_for_another_one(root: Path, stop: Stop) -> None:
    with make_setup(root) as setup:
        setup.write("new")
        first = asyncio.create_task(setup.reloader.reload())
        await asyncio.sleep(0)
        second = stop.begin(setup.reload())
        await asyncio.wait([first, second])

        assert isinstance(first.result(), Answer)
        setup.write("newer")
        assert isinstance(await setup.reload(), Answer)
        assert setup.is_whole("newer")


async def a_reload_that_nobody_waits_for(root: Path, stop: Stop) -> None:
    with make_setup(root) as setup:
        setup.write("new")
        with stop.in_all_tasks():
            setup.reloader.reload_soon()
            await until_tasks_end()

        if stop.was_reached and stop.error is not None:
            gc.collect()
            assert stop.broken == [stop.error], "the log tells of it"
        assert isinstance(await setup.reload(), Answer)
        assert setup.is_whole("new")


SCENARIOS = (
    a_reload,
    a_reload_that_nobody_waits_for,
    a_reload_that_another_one_waits_for,
    a_reload_that_waits_for_another_one,
)


FileStory = Callable[[Path, Stop], Awaitable[None]]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_interrupted_reload_leaves_one_config_whole(tmp_path: Path, scenario: FileStory) -> None:
    interrupt(partial(scenario, tmp_path), Unexpected("broke"), OSError(24, "Too many files"))


@pytest.mark.parametrize("module", [reload_module, blocking_module])
def test_no_await_is_left_out(tmp_path: Path, module: ModuleType) -> None:
    assert missed(module, [partial(scenario, tmp_path) for scenario in SCENARIOS]) == []


# --- without interruptions -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slave", "more", "drains"),
    [
        ("far:/s/other", "", True),
        ("far2:/s/far", "", True),
        ("far:/s/far", "ssh_port = 2222", False),
    ],
)
def test_far_slave_drains_when_its_pair_names_another_path(
    tmp_path: Path, slave: str, more: str, *, drains: bool
) -> None:
    """Both paths may lead to one PFS, and a lock belongs to a path."""
    far = '[pairs.far]\nmaster = "/m/far"\nslave = "{}"\n{}'

    async def main() -> None:
        with make_setup(tmp_path) as setup:
            setup.write(more=far.format("far:/s/far", ""))
            await setup.reload()
            setup.write(more=far.format(slave, more))
            await setup.reload()

            before = slave_keys((Endpoint("/s/far", SshHost("far")),), None)
            busy = setup.slaves.take(Claim("next", before))
            assert (busy is not None and busy.resource is Resource.DRAIN) == drains

    asyncio.run(main())


def test_reload_that_raises_half_way_is_applied_whole_by_the_next_one(tmp_path: Path) -> None:
    async def main() -> None:
        with make_setup(tmp_path) as setup:
            setup.write("old", "one", "two")
            setup.anomaly_detector.broken = Endpoint("/s/two")
            with pytest.raises(Unexpected):
                await setup.reloader.reload()
            assert setup.names_in_force() == ["old"], "what is in force is what was taken over"

            setup.anomaly_detector.broken = None
            reply = await setup.reload()

            assert isinstance(reply, Answer)
            assert reply.data["started"] == ["one", "two"]
            assert [changes.start for changes in setup.applied] == [("one", "two")]
            assert setup.is_whole("old", "one", "two")

    asyncio.run(main())


def test_reload_holds_the_pairs_of_new_records_and_releases_those_without(tmp_path: Path) -> None:
    def held(setup: Setup) -> list[str]:
        return [life.pair.name for life in setup.engine.lives() if life.memory.hold]

    async def main() -> None:
        state_dir = str(tmp_path / "db")
        with make_setup(tmp_path) as setup:
            setup.write("old", "new")
            for name in ("old", "new", "unknown"):
                write_record(state_dir, PlanRecord(name, PlanName.PROMOTE, 1000.0))
            await setup.reload()
            assert held(setup) == ["old", "new"]
            assert isinstance(setup.engine.life("new").state, Stopped)

            remove_record(state_dir, "new")
            await setup.reload()
            assert held(setup) == ["old"]
            assert isinstance(setup.engine.life("new").state, Probing)

    asyncio.run(main())


def test_file_with_a_fault_changes_nothing_and_is_shown_until_one_is_valid(tmp_path: Path) -> None:
    async def main() -> None:
        with make_setup(tmp_path) as setup:
            setup.write("new", more="nonsense")
            reply = await setup.reloader.reload()

            assert isinstance(reply, Refusal)
            assert reply.code == Exit.CONFIG
            assert setup.is_whole("old")
            assert setup.reloader.describe()["reload_refused_because"] == reply.error
            setup.write("new")
            assert isinstance(await setup.reloader.reload(), Answer)
            assert set(setup.reloader.describe().values()) == {None}

    asyncio.run(main())


def test_daemon_that_stops_takes_nothing_over(tmp_path: Path) -> None:
    async def main() -> None:
        with make_setup(tmp_path) as setup:
            setup.write("new")
            setup.reloader.is_stopping = lambda: True

            assert await setup.reloader.reload() == STOPPING
            assert setup.is_whole("old")

    asyncio.run(main())


def test_removed_pair_is_forgotten_with_its_endpoints(tmp_path: Path) -> None:
    async def main() -> None:
        with make_setup(tmp_path) as setup:
            setup.write("new")
            await setup.reloader.reload()

            assert setup.sampler.forgotten == ["old"]
            assert setup.sampler.kept == {Endpoint("/m/new"), Endpoint("/s/new")}

    asyncio.run(main())


TURNS = """[pairs.home]
master = "/m/home"
rotate = {paths}
{more}
"""


@pytest.mark.parametrize(
    ("paths", "more", "word", "slave"),
    [
        ('["/s/a", "/s/b"]', "", "kept", "/s/b"),
        ('["/s/b", "/s/a"]', "", "retuned", "/s/b"),
        ('["/s/a", "/s/b", "/s/c"]', "", "retuned", "/s/b"),
        ('["/s/a", "/s/b"]', 'delay = "9s"', "restarted", "/s/b"),
        ('["/s/a", "/s/c"]', "", "restarted", "/s/a"),
    ],
)
def test_slave_keeps_its_turn_over_a_reload(
    tmp_path: Path, paths: str, more: str, word: str, slave: str
) -> None:
    async def main() -> None:
        with make_setup(tmp_path) as setup:
            setup.write(more=TURNS.format(paths='["/s/a", "/s/b"]', more=""))
            await setup.reload()
            setup.engine.take_turn("home", Endpoint("/s/b"))
            setup.write(more=TURNS.format(paths=paths, more=more))
            reply = await setup.reload()

            assert isinstance(reply, Answer)
            assert reply.data[word] == ["home"]
            assert setup.engine.life("home").pair.slave == Endpoint(slave)

    asyncio.run(main())


def test_pair_whose_last_step_raised_is_removed_at_the_next_reload(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        with make_setup(tmp_path) as setup:
            setup.write("new")
            setup.readings.is_broken = True
            await setup.reloader.reload()
            assert setup.pairs() == ["new", "old"]

            setup.readings.is_broken = False
            await setup.reload()
            assert setup.is_whole("new")

    asyncio.run(main())
