"""One connection to a host for all its pairs; a host that fails is left alone, and costs nobody.

The loop skips waiting, so the times here are those of hammerd and cost nothing.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from typing import Any, TypeVar, cast

import pytest
import structlog

from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.host import Host
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.probe_verdict import ProbeFailed
from hammerd.core.pairs import Endpoint, Pair, Timing
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.probe import far_commands as commands_module
from hammerd.daemon.probe import far_host as host_module
from hammerd.daemon.probe import far_probes as probes_module
from hammerd.daemon.probe.far_commands import FarCommands
from hammerd.daemon.probe.far_host import MOST_CONNECTIONS, RARELY_S, SOON_S
from hammerd.daemon.probe.far_probes import FarProbes
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.process.commands import CommandResult
from hammerd.daemon.timing.clock import Clock
from tests.daemon.at_each_await import Scenario, Stop, Unexpected, interrupt, missed
from tests.daemon.timing.fast_loop import FastLoop

T = TypeVar("T")

OFFICE, BACKUP = SshHost("office", "root"), SshHost("backup", "root")
RETRY_S = 60.0
REFUSED = "ssh: connect to host office port 22: Connection refused\n"

BLOCK = """{path}\tPFS#1 {{
    sync-beg-tid=0x0000000000000001
    sync-end-tid=0x0000000000000002
    shared-uuid=d0d6402b-e667-11f1-a43e-01301bb8a9f5
    unique-uuid=d0d64038-e667-11f1-a43f-01301bb8a9f5
    operating as a {role}
}}
"""


def pull(name: str, host: Host = OFFICE) -> Pair:
    return Pair(name, Endpoint(f"/m/{name}", host), Endpoint(f"/s/{name}"))


def push(name: str, host: Host = OFFICE) -> Pair:
    return Pair(name, Endpoint(f"/m/{name}"), Endpoint(f"/s/{name}", host))


HOME, WORK, DATA = (pull(name) for name in ("home", "work", "data"))
PAIRS = (HOME, WORK, DATA)


@dataclass
class FarHosts:
    """Other hosts behind a fake ssh; `asked` are the hosts and paths of each connection."""

    missing: set[str] = field(default_factory=set)
    promoted: set[str] = field(default_factory=set)
    off: dict[str, CommandResult] = field(default_factory=dict)
    hanging: set[str] = field(default_factory=set)
    is_killable: bool = True
    takes_s: float = 0.3
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    async def run(self, argv: Sequence[str], _env: object, timeout_s: float) -> CommandResult:
        host, (hammer, verb, *paths) = argv[-2], argv[-1].split(" ")
        assert (hammer, verb) == ("hammer", "pfs-status")
        self.asked.append((host, paths))
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            is_late = host in self.hanging or self.takes_s > timeout_s
            await asyncio.sleep(timeout_s if is_late else self.takes_s)
        finally:
            self.running -= 1
        if is_late:
            return CommandResult("running", is_late=True, pid=4711)
        return self.off.get(host) or self._status(paths)

    def _status(self, paths: Sequence[str]) -> CommandResult:
        printed = ""
        for path in paths:
            if path in self.missing:
                text = f"hammer: Failed to open {path}: No such file or directory\n"
                return CommandResult("exit 1", printed, text)
            is_master = path.startswith("/m") or path in self.promoted
            printed += BLOCK.format(path=path, role="MASTER" if is_master else "SLAVE")
        return CommandResult("exit 0", printed)

    def is_under_way(self, _pid: int) -> bool:
        return not self.is_killable

    def connections(self, host: SshHost = OFFICE) -> list[list[str]]:
        return [paths for name, paths in self.asked if name == host.name]


def probes_of(hosts: FarHosts) -> FarProbes:
    commands = FarCommands(cast(Any, hosts), "/sbin/hammer", "/root")
    clock = Clock(asyncio.get_running_loop().time)
    log = cast(Logger, structlog.get_logger())
    return FarProbes(commands, clock, count(1), lambda _pair, failures: RETRY_S * failures, log)


async def sample(probes: FarProbes, pairs: Sequence[Pair] = PAIRS) -> list[EndpointReading]:
    """Read all hosts that may be asked, at the same time."""
    asked = probes.to_sample(pairs)
    found = await asyncio.gather(*(probes.sample(host, own) for host, own in asked.items()))
    return [reading for part in found for reading in part]


def read(readings: Sequence[EndpointReading]) -> set[str]:
    return {one.endpoint.path for one in readings if isinstance(one.seen, PfsStatus)}


def failed(readings: Sequence[EndpointReading]) -> set[str]:
    return {one.endpoint.path for one in readings if isinstance(one.seen, ProbeFailed)}


def play(act: Callable[[FarHosts], Coroutine[Any, Any, T]], hosts: FarHosts | None = None) -> T:
    """Run a coroutine on a loop that skips waiting."""
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        return runner.run(act(hosts or FarHosts()))


def now_at() -> float:
    return asyncio.get_running_loop().time()


# --- one connection --------------------------------------------------------------------------


def test_sample_has_one_connection_for_all_pairs_of_a_host() -> None:
    async def act(hosts: FarHosts) -> None:
        pairs = [pull(f"{number:03}") for number in range(100)]
        readings = await sample(probes_of(hosts), pairs)

        assert read(readings) == {pair.master.path for pair in pairs}
        assert len(hosts.asked) == 1

    play(act)


def test_hosts_are_asked_at_the_same_time_and_each_with_its_own_paths() -> None:
    async def act(hosts: FarHosts) -> None:
        other = SshHost("office", "root", SshSettings(port=2222))
        pairs = (HOME, push("there", BACKUP), pull("port", other))
        assert read(await sample(probes_of(hosts), pairs)) == {"/m/home", "/s/there", "/m/port"}
        assert hosts.most_running == 3

    play(act)


def test_slave_is_read_before_its_master_on_the_same_host_and_a_cascade_from_its_end() -> None:
    async def act(hosts: FarHosts) -> None:
        ends = [Endpoint(f"/{name}", OFFICE) for name in "abc"]
        pairs = [Pair("first", ends[0], ends[1]), Pair("second", ends[1], ends[2])]
        readings = await sample(probes_of(hosts), pairs)

        assert hosts.connections() == [["/c", "/b", "/a"]]
        spans = {one.endpoint.path: one.span for one in readings}
        assert spans["/c"].is_before(spans["/b"])
        assert spans["/b"].is_before(spans["/a"])

    play(act)


def test_requests_of_one_moment_share_a_connection() -> None:
    async def act(hosts: FarHosts) -> None:
        probes = probes_of(hosts)
        found = await asyncio.gather(*(probes.probe(pair) for pair in PAIRS), sample(probes))

        for pair, readings in zip(PAIRS, found, strict=False):
            assert read(readings) == {pair.master.path}
        assert len(hosts.asked) == 1

    play(act)


def test_paths_that_do_not_fit_into_one_command_take_several() -> None:
    async def act(hosts: FarHosts) -> None:
        pairs = [pull(f"{number:0900}") for number in range(30)]
        assert len(read(await sample(probes_of(hosts), pairs))) == 30
        assert len(hosts.asked) == 2

    play(act)


# --- paths that fail -------------------------------------------------------------------------


def test_missing_path_costs_the_others_one_connection_once() -> None:
    async def act(hosts: FarHosts) -> None:
        probes = probes_of(hosts)
        first, second = await sample(probes), await sample(probes)

        for readings in (first, second):
            assert read(readings) == {"/m/home", "/m/data"}
            assert failed(readings) == {"/m/work"}
        assert len(hosts.asked) == 2 + 1
        assert hosts.asked[-1][1][-1] == "/m/work"

    play(act, FarHosts(missing={"/m/work"}))


def test_missing_paths_take_turns_and_one_that_is_there_again_is_read() -> None:
    async def act(hosts: FarHosts) -> None:
        probes = probes_of(hosts)
        first = await sample(probes)
        assert failed(first) == {"/m/home", "/m/work", "/m/data"}
        hosts.missing, begun = {"/m/home"}, len(hosts.asked)
        for _ in range(3):
            last = await sample(probes)
        assert len(hosts.asked) - begun == 3, "a path that failed before costs no connection"

        assert read(last) == {"/m/work", "/m/data"}
        assert failed(last) == {"/m/home"}

    play(act, FarHosts(missing={pair.master.path for pair in PAIRS}))


def test_many_missing_paths_are_found_in_a_few_rounds() -> None:
    async def act(hosts: FarHosts) -> None:
        pairs = [pull(f"{number:02}") for number in range(20)]
        hosts.missing = {pair.master.path for pair in pairs[::2]}
        probes = probes_of(hosts)
        await sample(probes, pairs)
        assert len(hosts.asked) == MOST_CONNECTIONS
        for _ in range(3):
            last = await sample(probes, pairs)

        assert failed(last) == hosts.missing
        assert len(read(last)) == 10

    play(act)


def test_probe_tries_a_path_that_failed_before() -> None:
    async def act(hosts: FarHosts) -> None:
        probes = probes_of(hosts)
        assert failed(await probes.probe(HOME)) == {"/m/home"}
        hosts.missing.clear()
        assert read(await probes.probe(HOME)) == {"/m/home"}

    play(act, FarHosts(missing={"/m/home"}))


def test_promoted_slave_is_asked_once_and_then_by_probes_only() -> None:
    """Each pfs-status of it changes what a later downgrade stores."""

    async def act(hosts: FarHosts) -> None:
        pair, probes = push("home"), probes_of(hosts)
        for _ in range(3):
            [reading] = await sample(probes, [pair])
            assert isinstance(reading.seen, PfsStatus)
            assert reading.seen.is_master
        assert len(hosts.asked) == 1
        hosts.promoted.clear()
        [reading] = await probes.probe(pair)
        assert isinstance(reading.seen, PfsStatus)
        assert not reading.seen.is_master

    play(act, FarHosts(promoted={"/s/home"}))


def test_slave_that_is_another_pairs_master_is_asked_though_promoted() -> None:
    async def act(hosts: FarHosts) -> None:
        middle = Endpoint("/s/home", OFFICE)
        pairs = [push("home"), Pair("on", middle, Endpoint("/s/on"))]
        probes = probes_of(hosts)
        assert read(await sample(probes, pairs[:1])) == {"/s/home"}
        for _ in range(2):
            assert read(await sample(probes, pairs)) == {"/s/home"}
        assert len(hosts.asked) == 1 + 2

    play(act, FarHosts(promoted={"/s/home"}))


def test_slow_answer_about_a_missing_path_leaves_no_time_for_a_second_connection() -> None:
    async def act(hosts: FarHosts) -> None:
        hosts.takes_s = max(pair.timing.probe_timeout_s for pair in PAIRS)
        readings = await sample(probes_of(hosts))

        assert failed(readings) == {"/m/home"}
        assert len(hosts.asked) == 1

    play(act, FarHosts(missing={"/m/home"}))


# --- hosts that fail -------------------------------------------------------------------------


def test_failed_ssh_leaves_its_paths_out_and_is_logged_once() -> None:
    async def act(hosts: FarHosts) -> None:
        probes = probes_of(hosts)
        with structlog.testing.capture_logs() as log:
            for _ in range(3):
                assert await sample(probes) == []
                await asyncio.sleep(300)
            assert probes.why_unread(HOME) == f"root@office: {REFUSED.strip()}"
            hosts.off.clear()
            assert read(await sample(probes)) == {pair.master.path for pair in PAIRS}

        assert [line["event"] for line in log] == ["host.unreadable", "host.read_again"]
        assert (log[0]["host"], log[0]["because"]) == ("root@office", "connection_refused")
        names = " ".join(pair.name for pair in PAIRS)
        assert [line["pairs"] for line in log] == [names, names]
        assert "root@office is up but no sshd answers" in log[0]["hint"]
        assert probes.why_unread(HOME) is None

    play(act, FarHosts(off={"office": CommandResult("exit 255", stderr=REFUSED)}))


def test_host_that_fails_is_asked_after_growing_delays_until_it_answers() -> None:
    async def act(hosts: FarHosts) -> None:
        probes, began_at, times = probes_of(hosts), now_at(), []
        while len(hosts.asked) < 4:
            before = len(hosts.asked)
            await sample(probes)
            times += [now_at() - began_at] * (len(hosts.asked) - before)
            await asyncio.sleep(1)
        delays = [after - before for before, after in pairwise(times)]
        assert delays == sorted(delays)
        assert all(delay >= RETRY_S * number for number, delay in enumerate(delays, 1))

        hosts.off.clear()
        await asyncio.sleep(1000)
        for _ in range(2):
            assert read(await sample(probes))
        hosts.off["office"] = CommandResult("exit 255", stderr=REFUSED)
        await sample(probes)
        await asyncio.sleep(RETRY_S + 1)
        hosts.asked.clear()
        await sample(probes)
        assert len(hosts.asked) == 1, "the first success has reset the delay"

    play(act, FarHosts(off={"office": CommandResult("exit 255", stderr=REFUSED)}))


@pytest.mark.parametrize(
    ("stderr", "exit_status"),
    [
        ("hammer: hammer-remote: request does not match restricted command\n", "exit 1"),
        ("sh: hammer: not found\n", "exit 127"),
    ],
)
def test_host_without_pfs_status_is_told_once_and_asked_rarely(
    stderr: str, exit_status: str
) -> None:
    async def act(hosts: FarHosts) -> None:
        probes = probes_of(hosts)
        with structlog.testing.capture_logs() as log:
            for _ in range(20):
                assert await sample(probes) == []
                await asyncio.sleep(RARELY_S / 10)
            assert len(hosts.asked) == 2
            for _ in range(10):
                assert await probes.probe(HOME) == []
                await asyncio.sleep(SOON_S / 5)
        assert 2 + 2 <= len(hosts.asked) <= 2 + 3, "a launch asks more often, but not always"
        assert [line["event"] for line in log] == ["host.unreadable"]

    play(act, FarHosts(off={"office": CommandResult(exit_status, stderr=stderr)}))


def test_host_is_asked_at_once_after_a_reload() -> None:
    async def act(hosts: FarHosts) -> None:
        probes = probes_of(hosts)
        assert await sample(probes) == []
        hosts.off.clear()
        assert await sample(probes) == []
        probes.forget_all_but({end for pair in PAIRS for end in (pair.master, pair.slave)})
        assert read(await sample(probes))

    play(act, FarHosts(off={"office": CommandResult("exit 127", stderr="sh: hammer: not found")}))


def test_hanging_host_keeps_no_other_one_and_no_launch() -> None:
    async def act(hosts: FarHosts) -> None:
        probes, began_at = probes_of(hosts), now_at()
        there = push("there", BACKUP)
        hanging = asyncio.create_task(sample(probes, [HOME]))
        assert read(await sample(probes, [there])) == {"/s/there"}
        assert now_at() - began_at < 1
        assert await probes.probe(HOME) == []
        assert now_at() - began_at < 20, "less than the probe's own deadline"
        assert await hanging == []

    play(act, FarHosts(hanging={"office"}))


def test_slow_host_is_read_though_a_launch_does_not_wait_for_it() -> None:
    async def act(hosts: FarHosts) -> None:
        probes, began_at = probes_of(hosts), now_at()
        with structlog.testing.capture_logs() as log:
            assert await probes.probe(HOME) == []
            assert now_at() - began_at < hosts.takes_s
            assert read(await sample(probes)) == {pair.master.path for pair in PAIRS}
        assert log == []

    play(act, FarHosts(takes_s=15.0))


def test_slow_host_has_the_time_that_its_pairs_grant() -> None:
    async def act(hosts: FarHosts) -> None:
        patient = replace(HOME, timing=Timing(probe_timeout_s=60.0))
        assert read(await sample(probes_of(hosts), [patient, WORK])) == {"/m/home", "/m/work"}

    play(act, FarHosts(takes_s=50.0))


def test_command_that_cannot_be_killed_is_not_doubled() -> None:
    async def act(hosts: FarHosts) -> None:
        probes = probes_of(hosts)
        for _ in range(10):
            await sample(probes)
            await probes.probe(HOME)
            await asyncio.sleep(300)
        assert len(hosts.asked) == 1
        assert probes.why_unread(HOME) is not None

        hosts.is_killable = True
        hosts.hanging.clear()
        assert read(await sample(probes))

    play(act, FarHosts(hanging={"office"}, is_killable=False))


def test_ends_that_are_not_probed_are_never_asked() -> None:
    async def act(hosts: FarHosts) -> None:
        probes = probes_of(hosts)
        pair = pull("home", SshHost("office", "root", SshSettings(is_probed=False)))
        assert probes.to_sample([pair]) == {}
        assert await probes.probe(pair) == []
        assert hosts.asked == []
        assert probes.why_unread(pair) is None

    play(act)


def test_forgotten_host_is_not_kept() -> None:
    async def act(hosts: FarHosts) -> None:
        probes = probes_of(hosts)
        await sample(probes)
        assert probes.why_unread(HOME) is not None
        probes.forget_all_but({push("there", BACKUP).slave})
        assert probes.why_unread(HOME) is None

    play(act, FarHosts(off={"office": CommandResult("exit 255", stderr=REFUSED)}))


# --- interrupted at each await ---------------------------------------------------------------


async def _is_read_again(probes: FarProbes, hosts: FarHosts) -> None:
    hosts.missing.clear()
    for _ in range(2):  # the first try may be that of a path that failed
        await sample(probes)
    assert read(await sample(probes)) == {pair.master.path for pair in PAIRS}
    assert read(await probes.probe(HOME)) == {"/m/home"}
    await probes.close()


async def two_probes(stop: Stop) -> None:
    hosts = FarHosts(missing={"/m/home"}, takes_s=0.0)
    probes = probes_of(hosts)
    with stop.in_all_tasks(but_by_cancel=True):
        found = await asyncio.gather(
            *(probes.probe(pair) for pair in PAIRS), return_exceptions=True
        )
    for answer in found:
        if isinstance(answer, BaseException):
            assert answer is stop.error
    await _is_read_again(probes, hosts)


async def a_sample_of_a_host(stop: Stop) -> None:
    hosts = FarHosts(takes_s=0.0)
    probes = probes_of(hosts)
    task = await stop.run(probes.sample(OFFICE, PAIRS))
    if not stop.was_reached:
        assert read(task.result()) == {pair.master.path for pair in PAIRS}
    await _is_read_again(probes, hosts)


async def a_close(stop: Stop) -> None:
    probes = probes_of(FarHosts(takes_s=1e9))
    asked = [asyncio.create_task(probes.probe(pair)) for pair in PAIRS]
    for _ in range(5):  # of the turns that lead to the connection
        await asyncio.sleep(0)
    for task in asked:
        task.cancel()
    await stop.run(probes.close())
    await probes.close()
    await asyncio.wait(asked)


SCENARIOS = (two_probes, a_sample_of_a_host, a_close)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_interrupted_reading_leaves_no_request_waiting(scenario: Scenario) -> None:
    interrupt(scenario, Unexpected("broke"), OSError(24, "Too many open files"))


@pytest.mark.parametrize("module", [host_module, probes_module, commands_module])
def test_no_await_is_left_out(module: object) -> None:
    assert missed(module, SCENARIOS) == []  # type: ignore[arg-type]
