"""The messages of a stream show the TID of a master on another host."""

from math import inf

import pytest

from hammerd.core.hammer.messages import (
    Batch,
    Committed,
    LostLink,
    Message,
    NoWork,
    Prescan,
    Remark,
    WentIdle,
)
from hammerd.core.hosts.host import THIS_HOST, Host
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint, Pair, StreamOptions
from hammerd.core.replication.master_inference import MasterInference, idle_proves_s
from hammerd.core.replication.tid_clock import TidSample
from hammerd.core.tid import Tid

QUIRK = Batch(Tid(20), Tid(0), (1 << 64) - 1)


def batch(begin: int, end: int) -> Batch:
    return Batch(Tid(begin), Tid(end), 100)


def whole(begin: int, end: int) -> Batch:
    return Batch(Tid(begin), Tid(end), None)


def observations(
    *messages: tuple[float, Message], launched_at: float = 0.0, is_source_remote: bool = False
) -> list[TidSample]:
    inferred, found = MasterInference(launched_at, is_source_remote), []
    for unwritten_at, message in messages:
        inferred, observation = inferred.add(message, unwritten_at)
        found += [observation] if observation else []
    return found


def test_idle_after_a_batch_shows_the_master_since_the_previous_idle() -> None:
    found = observations(
        (1, batch(2, 20)),
        (2, Committed(Tid(20))),
        (3, WentIdle()),
        (8, batch(21, 30)),
        (9, WentIdle()),
    )

    assert found == [TidSample(Tid(20), 0), TidSample(Tid(30), 3)]


def test_slices_show_the_end_of_the_last_one() -> None:
    assert observations((1, batch(2, 20)), (2, batch(21, 40)), (3, WentIdle())) == [
        TidSample(Tid(40), 0)
    ]


def test_slice_in_progress_shows_nothing_yet() -> None:
    assert observations((1, batch(2, 20)), (2, batch(21, 40))) == []


def test_batch_of_one_slice_shows_the_master_at_once() -> None:
    found = observations((1, whole(2, 20)), (2, WentIdle()), (8, whole(21, 30)), (9, WentIdle()))

    assert found == [TidSample(Tid(20), 0), TidSample(Tid(30), 2)]


def test_batch_without_work_shows_nothing() -> None:
    assert observations((1, QUIRK), (1, NoWork()), (6, WentIdle()), (7, WentIdle())) == []


def test_idle_after_the_quirk_counts_as_idle() -> None:
    found = observations(
        (1, QUIRK), (1, NoWork()), (6, WentIdle()), (11, batch(20, 30)), (12, WentIdle())
    )

    assert found == [TidSample(Tid(30), 6)]


def test_message_of_another_host_is_as_old_as_our_halfs_previous_one() -> None:
    """A message of the remote half may have been on its way since that batch was requested."""
    found = observations(
        (1, whole(2, 20)),
        (2, Committed(Tid(20))),
        (3, WentIdle()),
        (8, whole(21, 30)),
        (9, Committed(Tid(30))),
        (10, WentIdle()),
        (15, whole(31, 40)),
        is_source_remote=True,
    )

    assert found == [TidSample(Tid(20), 0), TidSample(Tid(30), 0), TidSample(Tid(40), 2)]


def test_idle_message_that_is_read_late_moves_no_instant_back() -> None:
    found = observations((5, WentIdle()), (3, WentIdle()), (8, whole(21, 30)))

    assert found == [TidSample(Tid(30), 5)]


def inference(*messages: tuple[float, Message]) -> MasterInference:
    inferred = MasterInference(0.0)
    for now_at, message in messages:
        inferred, _ = inferred.add(message, now_at)
    return inferred


def test_idle_stream_shows_an_unchanged_master_until_seconds_ago() -> None:
    idle = inference((1, batch(2, 20)), (3, WentIdle()), (4, Remark("a line of ssh's")))

    assert idle.held_until_at(32, 30) is None
    assert idle.held_until_at(33, 30) == 3
    assert idle.held_until_at(500, 30) == 470
    assert idle.held_until_at(500, inf) is None


def far(*options: str) -> SshHost:
    return SshHost("far", settings=SshSettings(options=options))


@pytest.mark.parametrize(
    ("host", "delay_s", "proves_s"),
    [
        (far(), 5, 10 + 20),
        (far(), 60, 120 + 20),
        (far("ServerAliveInterval=1"), 5, 10 + 4),
        (far("serveralivecountmax 1", "ServerAliveInterval = 30"), 5, 10 + 60),
        (far("ServerAliveInterval=1", "ServerAliveInterval=60"), 5, 10 + 4),
        (far("ServerAliveInterval=0"), 5, inf),
        (far("ServerAliveInterval=1m"), 5, inf),
        (far("ProxyJump=gate"), 5, 10 + 20),
        (THIS_HOST, 5, 10),
    ],
)
def test_silence_proves_an_idle_stream_after_its_delays_and_the_keepalive(
    host: Host, delay_s: int, proves_s: float
) -> None:
    options = StreamOptions(delay_s=delay_s)
    pair = Pair("test", Endpoint("/m", host), Endpoint("/s"), options=options)

    assert idle_proves_s(pair) == proves_s


@pytest.mark.parametrize("message", [batch(21, 30), QUIRK, LostLink(), Prescan()])
def test_message_of_a_source_half_ends_its_idle_time(message: Message) -> None:
    assert inference((3, WentIdle()), (4, message)).held_until_at(500, 30) is None


def test_stream_that_is_copying_proves_nothing() -> None:
    assert inference((1, batch(2, 20)), (2, NoWork())).held_until_at(500, 30) is None


@pytest.mark.parametrize("bulk_bytes", [0, 100, None])
def test_scan_without_work_came_after_the_previous_idle(bulk_bytes: int | None) -> None:
    nothing = Batch(Tid(20), Tid(0), bulk_bytes)

    assert inference((1, nothing), (1, NoWork())).held_until_at(500, 10) == 0
    scanned = inference(
        (1, nothing), (1, NoWork()), (6, WentIdle()), (11, nothing), (11, NoWork())
    )
    assert scanned.held_until_at(12, 10) == 6


def test_quirk_is_no_scan() -> None:
    assert inference((3, WentIdle()), (4, QUIRK), (4, NoWork())).held_until_at(500, 30) is None
