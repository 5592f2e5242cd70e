"""Flushes that publish the TID of the flush before, as in a kernel (docs/hammer.md 2.1)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hammerd.simulator import admin
from hammerd.simulator.kernel.records.record_store import RecordStore
from tests.simulator.fixtures.machine import Machine
from tests.waiting import until

Act = Callable[[Machine], object]


@pytest.fixture
def late(machine: Machine) -> Machine:
    """Return a machine whose file systems publish late; `first` on its master is published."""
    machine.master_and_slave()
    for root in (_masters(machine), _slaves(machine)):
        admin.set_knob(root, "flush_steps", "0 content 1")
    _write(machine, "first")
    admin.flush(_masters(machine))
    return machine


def _masters(machine: Machine) -> Path:
    return machine.path("/Backup1")


def _slaves(machine: Machine) -> Path:
    return machine.path("/Backup2")


def _master(machine: Machine) -> Path:
    return machine.path("/Backup1/pfs/test")


def _slave(machine: Machine) -> Path:
    return machine.path("/Backup2/pfs/test")


def _write(machine: Machine, name: str) -> int:
    """Write a file and flush; return the TID of that flush."""
    machine.path(f"/Backup1/test/{name}").write_text(name)
    return admin.flush(_masters(machine))


def _hammer(machine: Machine, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
    done = machine.run([machine.hammer, *words])
    assert done.returncode == 0, done.stderr
    return done


def test_flush_publishes_at_once_without_the_knob(machine: Machine) -> None:
    machine.master_and_slave()

    assert _write(machine, "file") == admin.flush_tid(_masters(machine))


def test_flush_publishes_the_one_before(late: Machine) -> None:
    published = admin.flush_tid(_masters(late))

    second = _write(late, "second")
    assert published == admin.flush_tid(_masters(late)) < second
    third = _write(late, "third")
    assert second == admin.flush_tid(_masters(late)) < third


def test_empty_flush_publishes_once(late: Machine) -> None:
    flushed = _write(late, "second")

    tids = [(admin.flush(_masters(late)), admin.flush_tid(_masters(late))) for _ in range(3)]

    assert tids == [(flushed, flushed)] * 3


def test_status_of_a_master_shows_what_is_published(late: Machine) -> None:
    published = admin.flush_tid(_masters(late))
    _write(late, "second")

    output = _hammer(late, "pfs-status", _master(late)).stdout.decode()

    assert f"sync-end-tid={published:#018x}" in output


@pytest.mark.parametrize(
    "act",
    [
        lambda machine: admin.write(_masters(machine), 1, 1000),
        lambda machine: _write(machine, "other"),
        lambda machine: _hammer(machine, "pfs-update", _master(machine), "label=new"),
        lambda machine: _hammer(machine, "synctid", _masters(machine)),
        lambda machine: _hammer(machine, "pfs-master", _masters(machine) / "more"),
        lambda machine: machine.run([machine.bin / "sync", _masters(machine)]),
    ],
    ids=["write", "flush", "set", "synctid", "create", "sync"],
)
def test_every_flush_publishes_the_one_before(late: Machine, act: Act) -> None:
    flushed = _write(late, "second")
    assert admin.flush_tid(_masters(late)) < flushed

    act(late)

    until(lambda: admin.flush_tid(_masters(late)) >= flushed)


def test_synthetic_writes_take_tids_past_the_unpublished(late: Machine) -> None:
    first = admin.write(_masters(late), 1, 1000)
    second = admin.write(_masters(late), 1, 1000)

    assert first == admin.flush_tid(_masters(late)) < second


def test_slave_gets_nothing_newer_than_the_published_tid(late: Machine) -> None:
    published = admin.flush_tid(_masters(late))
    late.path("/Backup1/test/first").unlink()
    _write(late, "second")

    _hammer(late, "mirror-copy", _master(late), _slave(late))

    records = RecordStore(str(late.path("/Backup2/.hammerfs/pfs/00001"))).load()
    assert admin.sync_end_tid(_slave(late)) == published
    assert max(record.newest_tid() for record in records) <= published
    assert os.listdir(_slave(late)) == ["first"]

    admin.flush(_masters(late))
    _hammer(late, "mirror-copy", _master(late), _slave(late))

    assert os.listdir(_slave(late)) == ["second"]


@pytest.mark.parametrize("words", [("-B",), ()], ids=["following", "bulk"])
def test_stream_wakes_when_a_flush_is_followed_by_another(
    late: Machine, words: tuple[str, ...]
) -> None:
    stream = late.stream("-vv", *words, "mirror-stream", _master(late), _slave(late))
    stream.wait_until_waiting("wait")
    until(lambda: stream.output().endswith(" W"))

    flushed = _write(late, "second")
    assert stream.output().endswith(" W")
    assert admin.sync_end_tid(_slave(late)) < flushed

    admin.flush(_masters(late))
    until(lambda: admin.sync_end_tid(_slave(late)) == flushed)
    until(lambda: sorted(os.listdir(_slave(late))) == ["first", "second"])


def test_stream_of_a_slave_wakes_at_the_slave_s_own_tid(late: Machine) -> None:
    copy = _slaves(late) / "pfs" / "copy"
    uuid = admin.shared_uuid(_slave(late))
    _hammer(late, "pfs-slave", copy, f"shared-uuid={uuid}")
    _hammer(late, "mirror-copy", _master(late), _slave(late))
    stream = late.stream("-vv", "-B", "mirror-stream", _slave(late), copy)
    stream.wait_until_waiting("wait")

    flushed = _write(late, "second")
    admin.flush(_masters(late))
    _hammer(late, "mirror-copy", _master(late), _slave(late))

    until(lambda: admin.sync_end_tid(copy) == flushed)


def test_downgrade_stores_the_published_tid_and_shows_no_more(late: Machine) -> None:
    published = admin.flush_tid(_masters(late))
    late.path("/Backup1/test/second").write_text("never flushed twice")

    _hammer(late, "pfs-downgrade", _master(late))
    assert admin.sync_end_tid(_master(late)) == published
    assert os.listdir(_master(late)) == ["first"]

    _hammer(late, "pfs-upgrade", _master(late))
    assert os.listdir(_master(late)) == ["first"]


def test_reversed_pair_agrees_on_what_was_published(late: Machine) -> None:
    _hammer(late, "mirror-copy", _master(late), _slave(late))
    late.path("/Backup1/test/lost").write_text("never flushed twice")
    _hammer(late, "pfs-downgrade", _master(late))
    _hammer(late, "pfs-upgrade", _slave(late))
    (_slave(late) / "back").write_text("back")
    while admin.flush_tid(_slaves(late)) <= admin.sync_end_tid(_master(late)):
        admin.write(_slaves(late), 1, 100, 1, 0x1000)
    for _ in range(2):
        admin.flush(_slaves(late))

    _hammer(late, "mirror-copy", _slave(late), _master(late))

    assert admin.sync_end_tid(_master(late)) == admin.flush_tid(_slaves(late))
    assert sorted(os.listdir(_slave(late))) == sorted(os.listdir(_master(late)))
    assert not (_master(late) / "lost").exists()


def test_upgraded_slave_of_nothing_can_be_mirrored(late: Machine) -> None:
    _hammer(late, "pfs-upgrade", _slave(late))
    for _ in range(2):
        admin.flush(_slaves(late))
    records = RecordStore(str(late.path("/Backup2/.hammerfs/pfs/00001"))).load()

    assert [record.create <= admin.sync_end_tid(_slave(late)) for record in records] == [True]


def test_mount_publishes_all_that_was_flushed(late: Machine) -> None:
    flushed = _write(late, "second")

    admin.unmount(_masters(late))
    admin.mount(_masters(late))

    assert admin.flush_tid(_masters(late)) == flushed


def test_flush_publishes_at_once_again_without_the_knob(late: Machine) -> None:
    flushed = _write(late, "second")
    admin.set_knob(_masters(late), "flush_steps", None)

    assert admin.flush(_masters(late)) == admin.flush_tid(_masters(late)) == flushed
    assert _write(late, "third") == admin.flush_tid(_masters(late)) > flushed


def test_knob_that_does_not_exist_is_refused(machine: Machine) -> None:
    machine.new_disk("/Backup1")

    with pytest.raises(ValueError, match="no knob publish: there are slow_read_ms"):
        admin.set_knob(_masters(machine), "publish", 1)
