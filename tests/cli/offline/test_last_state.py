"""What `hammerd status` tells when no hammerd answers."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hammerd.core.replication.lag import SlaveReading
from hammerd.core.replication.slave_tids import SlaveTids
from hammerd.core.replication.tid_clock import TidClock, TidSample
from hammerd.core.tid import Tid
from hammerd.daemon.state import pair_state_file, tid_clock_file
from hammerd.daemon.state.pair_state_file import SavedPair
from hammerd.daemon.state.tid_clock_file import SavedClocks
from hammerd.daemon.state.unacknowledged import SavedComplaint, Unacknowledged

NOON = 1772625600.0  # 2026-03-04 12:00:00 UTC
GONE_PID = (1 << 22) + 1
"""Larger than any pid of Linux, and than any of DragonFly."""

CONFIG = """\
[daemon]
run_dir = "{root}"
state_dir = "{root}/db"

[pairs.home]
master = "/Backup1/pfs/home"
slave = "/Backup2/pfs/home"

[pairs.mail]
master = "/Backup1/pfs/mail"
slave = "/Backup2/pfs/mail"

[pairs.old]
master = "/Backup1/pfs/old"
slave = "/Backup2/pfs/old"
enabled = false
"""


def sample(tid: int, at: float) -> TidSample:
    return TidSample(Tid(tid), at)


@pytest.fixture
def config(run_dir: Path) -> Path:
    path = run_dir / "hammerd.toml"
    path.write_text(CONFIG.format(root=run_dir))
    (run_dir / "db").mkdir()
    return path


@pytest.fixture
def left(config: Path, run_dir: Path) -> Path:
    """Leave the files of a hammerd that was killed two hours after noon."""
    tid_clock_file.save(
        run_dir / "db/clocks.json",
        SavedClocks(
            {
                "/Backup1/pfs/home": TidClock(
                    (sample(0x10, NOON), sample(0x20, NOON + 127), sample(0x30, NOON + 600))
                ),
                "/Backup1/pfs/mail": TidClock((sample(0x40, NOON),)),
            },
            {
                "/Backup2/pfs/home": SlaveTids(
                    SlaveReading(Tid(0x28), NOON + 620), durable_tid=Tid(0x28)
                ),
                "/Backup2/pfs/mail": SlaveTids(
                    SlaveReading(Tid(0x1), NOON + 620), durable_tid=Tid(0x1)
                ),
            },
        ),
    )
    full = SavedComplaint("slave_full", "make room", "No space left", 3, NOON, NOON)
    pair_state_file.save(
        run_dir / "db/state.json",
        {
            "mail": SavedPair(is_paused=True, unacknowledged=Unacknowledged((full,))),
            "old": SavedPair(is_paused=True),
        },
    )
    for name in ("clocks.json", "state.json"):
        os.utime(run_dir / "db" / name, (NOON + 7200, NOON + 7200))
    (run_dir / "hammerd.pid").write_text(f"{GONE_PID}\n")
    return config


def test_what_was_left_is_told_before_the_cure(hammerd, left: Path, run_dir: Path):
    ran = hammerd("status", "-c", left)

    told = ran.out.splitlines()
    assert ran.code == 69
    assert f"no hammerd answers at {run_dir}/status.sock" in ran.err
    assert "start it with: service hammerd start" in ran.err
    assert told[0] == f"pid {GONE_PID} is gone: it was killed, or the machine went down"
    assert told[1].startswith(f"What it left in {run_dir}/db ")
    assert told[2] == ""
    assert [line.rpartition("UTC")[0] or line for line in told[3:8]] == [
        "PAIR  WANTED  SLAVE-TID  SAFE-UNTIL               AGE",
        "home  up      0x28       2026-03-04 12:01:15 ",
        "mail  paused  0x1        -                        -",
        "      not acknowledged: No space left",
        "      paused until it is resumed",
    ]
    assert told[8:] == [
        "old   down    -          -                        -",
        "",
        "Everything flushed by SAFE-UNTIL is on the slave; a write is flushed some 30",
        "  seconds after it was made, if no sync does it sooner.",
        "",
    ]


def test_it_is_told_as_json_with_its_age(hammerd, left: Path, run_dir: Path):
    ran = hammerd("status", "--json", "-c", left, "home")

    told = json.loads(ran.out)
    (home,) = told["pairs"]
    age_s = home.pop("safe_until_age_s")
    assert (ran.code, told["schema_version"], told["health"]) == (69, 1, "critical")
    assert told["hammerd"] == {
        "state": "absent",
        "run_dir": str(run_dir),
        "pid": GONE_PID,
        "pid_is_alive": False,
        "streams": 0,
        "state_dir": f"{run_dir}/db",
        "saved_time": "2026-03-04T14:00:00.000Z",
        "state_complaints": [],
    }
    assert home == {
        "pair": "home",
        "master": "/Backup1/pfs/home",
        "slave": "/Backup2/pfs/home",
        "wanted": "up",
        "paused_until_time": None,
        "state": None,
        "is_diverged": False,
        "lag_s": None,
        "master_tid": "0x0000000000000030",
        "master_seen_time": "2026-03-04T12:10:00.000Z",
        "slave_tid": "0x0000000000000028",
        "slave_seen_time": "2026-03-04T12:10:20.000Z",
        "safe_until_time": "2026-03-04T12:01:15.000Z",
        "durable_until_time": "2026-03-04T12:01:15.000Z",
        "safe_unknown_because": None,
        "complaints": [],
        "anomalies": [],
    }
    assert abs(age_s - (time.time() - NOON - 127)) < 60


def test_a_monitor_is_told_until_when_all_is_safe(hammerd, left: Path):
    ran = hammerd("status", "--nagios", "-c", left)

    first, *others = ran.out.splitlines()
    assert ran.code == 2
    assert first.startswith("HAMMERD CRITICAL - no hammerd answers at ")
    assert others[1:] == [
        f"pid {GONE_PID} is gone: it was killed, or the machine went down",
        "home: everything flushed by 2026-03-04 12:01:15 UTC is on the slave",
    ]


def test_a_pair_that_is_not_in_the_config_is_told(hammerd, left: Path):
    ran = hammerd("status", "nosuch", "-c", left)

    assert ran.code == 69
    assert ran.out.splitlines()[-2:] == ['! no such pair: "nosuch"', ""]
    assert "SAFE-UNTIL" not in ran.out


def test_chosen_columns_are_left_empty(hammerd, left: Path):
    ran = hammerd("status", "-o", "pair,lag_s", "-c", left)

    assert (ran.code, ran.out) == (69, "")


def test_streams_that_run_on_are_counted(hammerd, left: Path, run_dir: Path):
    (run_dir / "streams").mkdir()
    (run_dir / "streams" / f"{GONE_PID}.json").write_text("{}")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stream:
        (run_dir / "streams" / f"{stream.pid}.json").write_text("{}")
        ran = hammerd("status", "-c", left, columns=200)
        stream.kill()

    assert "went down; 1 stream of it runs on, unwatched\n" in ran.out


def test_a_pid_that_lives_may_be_a_hammerd_that_hangs(hammerd, left: Path, run_dir: Path):
    (run_dir / "hammerd.pid").write_text(f"{os.getpid()}\n")

    ran = hammerd("status", "-c", left)

    words = f"pid {os.getpid()} of its pid file lives: it starts, hangs, or is another process\n"
    assert ran.out.startswith(words)


def test_the_files_of_another_hammerd_are_left_alone(hammerd, left: Path, run_dir: Path):
    (run_dir / "elsewhere").mkdir()

    ran = hammerd("status", "-c", left, "--run-dir", run_dir / "elsewhere")

    assert (ran.code, ran.out) == (69, "")


def test_what_cannot_be_read_is_told(hammerd, left: Path, run_dir: Path):
    (run_dir / "db/clocks.json").write_text("{")
    (run_dir / "hammerd.pid").write_text("rubbish")

    ran = hammerd("status", "-c", left, columns=200)

    told = ran.out.splitlines()
    assert ran.code == 69
    assert told[0].startswith("What it left in ")
    assert any(line.startswith("! ") and "clocks.json: " in line for line in told)


def test_faults_of_the_config_are_told_with_what_is_left(hammerd, left: Path):
    left.write_text(left.read_text() + "[pairs.bad]\n")

    ran = hammerd("status", "-c", left, columns=200)

    assert ran.code == 69
    assert [line for line in ran.out.splitlines() if line.startswith("!")] == [
        f'! {left}: 2 faults ("hammerd check" tells the cures)',
        "!   pairs.bad.master: is missing",
        "!   pairs.bad.slave: is missing",
    ]


def test_where_nobody_ever_ran_nothing_is_told(hammerd, config: Path):
    ran = hammerd("status", "-c", config)

    assert (ran.code, ran.out) == (69, "")
