"""Measures idle streams: `python -m tests.simulator.idle_streams 60` prints memory and CPU time.

Linux only: proportional set size has no portable name.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from hammerd.simulator import admin
from tests.simulator.machine import Machine, Stream, wait_for


def start_idle_streams(machine: Machine, count: int) -> list[Stream]:
    """Start that many streams of small masters and return them when all are idle."""
    masters, slaves = machine.new_disk("/Backup1"), machine.new_disk("/Backup2")
    streams = []
    for number in range(1, count + 1):
        master, slave = masters / "pfs" / str(number), slaves / "pfs" / str(number)
        machine.run([machine.hammer, "pfs-master", master])
        uuid = f"shared-uuid={admin.shared_uuid(master)}"
        machine.run([machine.hammer, "pfs-slave", slave, uuid])
        admin.write(masters, number, 20000, 3)
    for number in range(1, count + 1):
        ends = (masters / "pfs" / str(number), slaves / "pfs" / str(number))
        streams.append(machine.stream("-vv", "-B", "mirror-stream", *ends))
    for stream in streams:
        stream.wait_until_waiting("wait")
    tid = admin.flush_tid(masters)
    wait_for(lambda: all(_synced(slaves, number, tid) for number in range(1, count + 1)))
    return streams


def _synced(slaves: Path, number: int, tid: int) -> bool:
    return admin.sync_end_tid(slaves / "pfs" / str(number)) == tid


def pss_kb(stream: Stream) -> int:
    """Return the memory of a stream's three processes, shared pages counted in parts."""
    return sum(_pss_kb(pid) for pid in stream.group())


def _pss_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def cpu_share(streams: list[Stream], seconds: float) -> float:
    """Return the part of one core that these streams take over so many seconds."""
    pids = [pid for stream in streams for pid in stream.group()]
    before = sum(map(_cpu_ns, pids))
    time.sleep(seconds)
    return (sum(map(_cpu_ns, pids)) - before) / 1e9 / seconds


def _cpu_ns(pid: int) -> int:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        machine = Machine(Path(directory), time_scale=1)
        streams = start_idle_streams(machine, count)
        memory_mb = median(map(pss_kb, streams)) / 1024
        share = cpu_share(streams, 5)
        machine.close()
    print(f"{count} idle streams: {memory_mb:.2f} MB PSS each, {share:.2%} of a core")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]))
