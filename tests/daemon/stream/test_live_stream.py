"""Tests the names of halves: the source half is forked first (docs/hammer.md 4.1)."""

import os
import subprocess
from collections.abc import Iterator, Sequence

import pytest

from hammerd.core.pair.slave_claims import Claim
from hammerd.core.platforms import DRAGONFLY, OTHER
from hammerd.daemon.process import process_table
from hammerd.daemon.process.process_table import Member, members_of
from hammerd.daemon.process.spawn import reap, spawn_stream
from hammerd.daemon.stream.live_stream import Stream


@pytest.fixture
def stream() -> Iterator[Stream]:
    child = spawn_stream(("/bin/sh", "-c", ":"), {})
    yield Stream("test", child, Claim("test", frozenset()))
    reap(child)


def half(pid: int, started_time: float = 100.0) -> Member:
    return Member(pid, 1, started_time, is_zombie=False)


def named(stream: Stream, *seen: Sequence[Member]) -> list[str]:
    """Return the names of the halves in the first list, after all lists were found in turn."""
    for found in seen:
        stream.add_halves(found)
    return [stream.half_name(one.pid) for found in seen for one in found]


def test_lower_pid_is_the_source_half(stream: Stream) -> None:
    source, target = half(stream.pgid + 1), half(stream.pgid + 2)

    assert named(stream, [source], [target]) == ["source", "target"]


def test_late_half_may_be_the_source_half(stream: Stream) -> None:
    source, target = half(stream.pgid + 1), half(stream.pgid + 2)

    assert named(stream, [target], [source]) == ["target", "source"]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_pid_below_the_parents_came_after_the_highest_one(
    stream: Stream, is_reversed: bool
) -> None:
    source, target = half(stream.pgid + 1), half(2)
    seen = [target, source] if is_reversed else [source, target]

    assert dict(zip([one.pid for one in seen], named(stream, seen), strict=True)) == {
        source.pid: "source",
        target.pid: "target",
    }


def test_starts_order_halves_only_where_they_are_exact(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = half(stream.pgid + 2, 100.0), half(stream.pgid + 1, 100.01)

    monkeypatch.setattr(process_table, "SYSTEM", OTHER)
    assert named(stream, [first, second]) == ["target", "source"]

    stream.halves.clear()
    monkeypatch.setattr(process_table, "SYSTEM", DRAGONFLY)
    assert named(stream, [first, second]) == ["source", "target"]


def test_one_half_alone_may_be_either(stream: Stream) -> None:
    assert named(stream, [half(stream.pgid + 1)]) == ["source or target"]


def test_parent_is_first_with_any_pid() -> None:
    with subprocess.Popen(
        ["sh", "-c", "sleep 4718 & read it"], stdin=subprocess.PIPE, start_new_session=True
    ) as leader:
        while len(members := members_of({leader.pid})[leader.pid]) < 2:
            assert leader.poll() is None
        os.killpg(leader.pid, 9)

    assert members[0].pid == leader.pid
