"""The history that other tests take for the truth keeps the rules of a kernel."""

from __future__ import annotations

from random import Random

import pytest

from tests.simulator.history import MasterHistory, SlaveHistory


def _random_history(seed: int) -> tuple[MasterHistory, list[tuple[float, int]]]:
    """Write, sync and look at random; return the looks, too."""
    chance = Random(seed)
    master = MasterHistory(f"{seed}")
    now, looks = 0.0, []
    for _ in range(60):
        now += chance.choice((0.02, 0.2, 1.0, 15.0)) * chance.random()
        match chance.randrange(4):
            case 0:
                master.write(now)
            case 1:
                master.sync(now)
            case 2:
                now, tid = master.synctid(now)
                looks.append((now, tid))
            case _:
                looks.append((now, master.published(now)))
    return master, looks


@pytest.mark.parametrize("seed", range(40))
def test_published_tid_never_goes_back_and_never_names_what_was_not_flushed(seed: int) -> None:
    master, looks = _random_history(seed)

    tids = [tid for _, tid in looks]
    assert tids == sorted(tids)
    for at, tid in looks:
        for write in master.writes:
            if write.content_tid is not None and write.content_tid <= tid:
                assert write.flushed_at is not None
                assert write.at <= write.flushed_at < at


def test_equal_tid_need_not_hold_the_last_flush() -> None:
    """Some flush publishes a TID of its own before its content: the trap of a careless claim."""
    caught = 0
    for seed in range(40):
        master = MasterHistory(f"{seed}", period_s=None)
        before = master.published(0.0)
        master.write(1.0)
        flushed = master.sync(2.0)
        tid = master.published(flushed.ended)
        caught += before < tid < flushed.content_tid
    assert caught


@pytest.mark.parametrize("seed", range(40))
def test_synctid_covers_what_was_written_before_it(seed: int) -> None:
    master = MasterHistory(f"{seed}")
    master.write(1.0)
    write = master.write(1.5)

    _, tid = master.synctid(1.5)

    assert write.content_tid is not None
    assert write.content_tid <= tid
    assert master.missing_at(tid) == []


def test_write_without_a_sync_comes_after_one_to_two_periods() -> None:
    for at in (0.1, 13.0, 25.9):
        master = MasterHistory("")
        write = master.write(at)
        now = at
        while write in master.missing_at(master.published(now)):
            now += 0.1
            assert now - at < 53
        assert now - at > 26


def test_idle_file_system_takes_no_tid() -> None:
    master = MasterHistory("")
    master.write(1.0)
    _, tid = master.synctid(2.0)
    done, again = master.synctid(100.0)

    assert (again, master.published(1000.0)) == (tid, tid)
    assert done == 100.0


@pytest.mark.parametrize("seed", range(40))
def test_cut_of_the_master_never_goes_back(seed: int) -> None:
    master = MasterHistory(f"{seed}")
    master.write(1.0)
    flushed = master.sync(1.0)
    moment = 1.0 + (flushed.ended - 1.0) * seed / 40
    seen = master.published(moment)

    recovered = master.cut(moment)

    assert seen <= recovered <= flushed.content_tid + 0x60
    assert master.missing_at(recovered) == []


def test_slave_is_one_commit_back_until_it_is_flushed() -> None:
    slave = SlaveHistory()
    slave.commit(1.0, 10)
    slave.commit(2.0, 20)
    durable_at = slave.flush(3.0)
    assert SlaveHistory(slave.tid, slave.durable, list(slave._flushing)).cut(3.1) == 10

    assert slave.cut(durable_at) == 20
