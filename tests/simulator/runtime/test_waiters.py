"""Idle streams: memory, CPU time and wakeup; the demo runs sixty of them."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from hammerd.simulator import admin
from tests.simulator.fixtures.idle_streams import cpu_share, pss_kb, start_idle_streams
from tests.simulator.fixtures.machine import Machine
from tests.waiting import until

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="memory is measured in /proc"
)

STREAM_LIMIT_KB = 8192


@needs_proc
def test_idle_stream_is_small_and_takes_no_cpu_time(machine: Machine) -> None:
    streams = start_idle_streams(machine, 6)

    assert median(map(pss_kb, streams)) < STREAM_LIMIT_KB
    # The limit for sixty is 2 % of a core: one that polls at all is far beyond its tenth.
    assert cpu_share(streams, 1.0) < 0.002


def test_fifos_of_dead_waiters_are_removed(machine: Machine) -> None:
    (stream,) = start_idle_streams(machine, 1)
    waiters = machine.path("/Backup1/.hammerfs/waiters")
    assert len(list(waiters.iterdir())) == 1
    stream.end()

    admin.write(machine.path("/Backup1"), 1, 1000)

    assert list(waiters.iterdir()) == []


def test_every_stream_of_a_file_system_wakes(machine: Machine) -> None:
    streams = start_idle_streams(machine, 3)

    tid = admin.write(machine.path("/Backup1"), 2, 1000)

    slaves = machine.path("/Backup2/pfs")
    until(lambda: all(admin.sync_end_tid(slaves / str(n)) == tid for n in (1, 2, 3)))
    assert all(len(stream.group()) == 3 for stream in streams)
