"""The output of `hammerd status` when no hammerd answers."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hammerd.core.api.pair_report import Extras, PairReport
from hammerd.core.api.status_json import Snapshot
from hammerd.core.pair.states import CountedComplaint, Memory, PairLife, Probing
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.plans.record import PlanName, PlanRecord, Stage
from hammerd.core.replication.lag import Lag, LagVerdict
from hammerd.core.replication.saved_moments import SavedMoment
from hammerd.core.rotation.rotating_slave import Moments, RotatingSlave
from hammerd.core.tid import Tid
from hammerd.daemon.state import status_file
from hammerd.daemon.state.pair_state_file import SavedPair
from hammerd.daemon.state.plan_records import write_record
from hammerd.daemon.state.status_file import SavedStatus

NOON = 1772625600.0  # 2026-03-04 12:00:00 UTC
GONE_PID = (1 << 22) + 1
"""Larger than any pid of Linux or DragonFly."""

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


@pytest.fixture
def config(run_dir: Path) -> Path:
    path = run_dir / "hammerd.toml"
    path.write_text(CONFIG.format(root=run_dir))
    (run_dir / "db").mkdir()
    return path


def report(name: str, safe_at: float | None, **changes: object) -> PairReport:
    """Return a report of a pair that streams; all of its times are wall times."""
    pair = Pair(name, Endpoint(f"/Backup1/pfs/{name}"), Endpoint(f"/Backup2/pfs/{name}"))
    base = PairReport(
        PairLife(pair, Memory(), Probing(NOON, NOON)),
        Lag(LagVerdict.BEHIND, 8, 493.0, NOON + 600, safe_at, safe_at),
        Tid(0x30),
        Tid(0x28),
        None,
        (),
        master_seen_at=NOON + 600,
        slave_seen_at=NOON + 620,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


FULL = CountedComplaint("slave_full", "make room", "No space left", 3, NOON, NOON)
MAIL = report("mail", None, slave_tid=Tid(1))
OLD = report("old", None, master_tid=None, slave_tid=None, slave_seen_at=None)
REPORTS = (
    report("home", NOON + 75),
    replace(MAIL, life=replace(MAIL.life, memory=Memory(complaints=(FULL,)))),
    replace(OLD, master_seen_at=None),
)
PAUSED = {"mail": SavedPair(is_paused=True), "old": SavedPair(is_paused=True)}
KILLED = SavedMoment(NOON + 7200, 7200.0)
"""Two hours after noon, on a host that was rebooted since."""


@dataclass
class StateDir:
    """The state_dir of a hammerd that was killed two hours after noon."""

    path: Path

    def save(self, *reports: PairReport, moment: SavedMoment = KILLED, **pairs: SavedPair) -> None:
        """Write status.json as the daemon does."""
        hammerd = {"version": "0.1.0", "pid": GONE_PID, "state": "running"}
        snapshot = Snapshot(hammerd, reports or REPORTS, moment.time)
        saved = SavedStatus(snapshot, pairs or PAUSED, moment, 0.0)
        status_file.save(self.path, saved, None)
        os.utime(self.path, (NOON + 7200, NOON + 7200))

    def change(self, **changes: object) -> None:
        """Replace members of the file."""
        data = json.loads(self.path.read_text())
        self.path.write_text(json.dumps({**data, **changes}))


@pytest.fixture
def state_dir(config: Path, run_dir: Path) -> StateDir:
    found = StateDir(run_dir / "db/status.json")
    found.save()
    return found


@pytest.fixture
def killed(config: Path, run_dir: Path, state_dir: StateDir) -> Path:
    """Create the files of a hammerd that was killed, and return its config."""
    (run_dir / "hammerd.pid").write_text(f"{GONE_PID}\n")
    return config


def test_the_last_state_is_printed_before_the_hint(hammerd, killed: Path, run_dir: Path):
    ran = hammerd("status", "-c", killed)

    lines = ran.out.splitlines()
    assert ran.code == 69
    assert f"no hammerd answers at {run_dir}/status.sock" in ran.err
    assert "start it with: service hammerd start" in ran.err
    assert lines[0] == f"pid {GONE_PID} is gone: it was killed, or the machine went down"
    assert lines[1].startswith(f"What it left in {run_dir}/db ")
    assert lines[2] == ""
    assert [line.rpartition("UTC")[0] or line for line in lines[3:8]] == [
        "PAIR  WANTED  SLAVE-TID  SAFE-UNTIL               AGE",
        "home  up      0x28       2026-03-04 12:01:15 ",
        "mail  paused  0x1        -                        -",
        "      not acknowledged: No space left",
        "      paused until it is resumed",
    ]
    assert lines[8:] == [
        "old   down    -          -                        -",
        "",
        "Everything flushed by SAFE-UNTIL is on the slave; a write is flushed some 30",
        "  seconds after it was made, if no sync does it sooner.",
        "",
    ]


def test_the_last_state_is_printed_as_json_with_its_age(hammerd, killed: Path, run_dir: Path):
    ran = hammerd("status", "--json", "-c", killed, "home")

    data = json.loads(ran.out)
    (home,) = data["pairs"]
    age_s = home.pop("safe_until_age_s")
    assert (ran.code, data["schema_version"], data["health"]) == (69, 1, "critical")
    assert data["hammerd"] == {
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
        "held_by": None,
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
        "rotate": [],
        "slaves": [],
        "verified": None,
    }
    assert abs(age_s - (time.time() - NOON - 127)) < 60


def test_a_monitor_gets_the_safe_time(hammerd, killed: Path):
    ran = hammerd("status", "--nagios", "-c", killed)

    first, *others = ran.out.splitlines()
    assert ran.code == 2
    assert first.startswith("HAMMERD CRITICAL - no hammerd answers at ")
    assert others[1:] == [
        f"pid {GONE_PID} is gone: it was killed, or the machine went down",
        "home: everything flushed by 2026-03-04 12:01:15 UTC is on the slave",
    ]


def test_a_pair_that_is_not_in_the_config_is_reported(hammerd, killed: Path):
    ran = hammerd("status", "nosuch", "-c", killed)

    assert ran.code == 69
    assert ran.out.splitlines()[-2:] == ['! no such pair: "nosuch"', ""]
    assert "SAFE-UNTIL" not in ran.out


def test_a_pattern_chooses_pairs_without_a_daemon(hammerd, killed: Path):
    chosen = hammerd("status", "h*", "-c", killed)
    none = hammerd("status", "n*", "-c", killed)

    assert [line.split()[0] for line in chosen.out.splitlines() if " up " in line] == ["home"]
    assert none.out.splitlines()[-2:] == ['! no pair matches "n*"', ""]


def test_chosen_columns_are_left_empty(hammerd, killed: Path):
    ran = hammerd("status", "-o", "pair,lag_s", "-c", killed)

    assert (ran.code, ran.out) == (69, "")


def test_streams_that_run_on_are_counted(hammerd, killed: Path, run_dir: Path):
    (run_dir / "streams").mkdir()
    (run_dir / "streams" / f"{GONE_PID}.json").write_text("{}")
    argv = [sys.executable, "-c", "input()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, process_group=0) as stream:
        (run_dir / "streams" / f"{stream.pid}.json").write_text("{}")
        ran = hammerd("status", "-c", killed, columns=200)
        stream.kill()

    assert "went down; 1 stream of it runs on, unwatched\n" in ran.out


def test_streams_whose_parent_has_exited_are_counted(hammerd, killed: Path, run_dir: Path):
    (run_dir / "streams").mkdir()
    # The half reads our pipe, so that it ends with the test.
    argv = ["/bin/sh", "-c", "exec 3<&0; cat <&3 &"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, process_group=0) as parent:
        assert parent.wait() == 0
        (run_dir / "streams" / f"{parent.pid}.json").write_text("{}")
        ran = hammerd("status", "-c", killed, columns=200)

    assert "went down; 1 stream of it runs on, unwatched\n" in ran.out


def test_an_existing_pid_may_be_a_hammerd_that_hangs(hammerd, killed: Path, run_dir: Path):
    (run_dir / "hammerd.pid").write_text(f"{os.getpid()}\n")

    ran = hammerd("status", "-c", killed)

    words = f"pid {os.getpid()} of its pid file lives: it starts, hangs, or is another process\n"
    assert ran.out.startswith(words)


def test_the_files_of_another_hammerd_are_not_read(hammerd, killed: Path, run_dir: Path):
    (run_dir / "elsewhere").mkdir()

    ran = hammerd("status", "-c", killed, "--run-dir", run_dir / "elsewhere")

    assert (ran.code, ran.out) == (69, "")


def test_an_unreadable_file_is_reported(hammerd, killed: Path, run_dir: Path):
    (run_dir / "db/status.json").write_text("{")
    (run_dir / "hammerd.pid").write_text("rubbish")

    ran = hammerd("status", "-c", killed, columns=200)

    lines = ran.out.splitlines()
    assert ran.code == 69
    assert lines[0].startswith("What it left in ")
    assert any(line.startswith("! ") and "status.json: " in line for line in lines)


def test_faults_of_the_config_are_reported_with_the_last_state(hammerd, killed: Path):
    killed.write_text(killed.read_text() + "[pairs.bad]\n")

    ran = hammerd("status", "-c", killed, columns=200)

    assert ran.code == 69
    assert [line for line in ran.out.splitlines() if line.startswith("!")] == [
        f'! {killed}: 2 faults ("hammerd check" tells the cures)',
        "!   pairs.bad.master: is missing",
        "!   pairs.bad.slave: is missing",
    ]


def test_without_an_earlier_hammerd_nothing_is_printed(hammerd, config: Path):
    ran = hammerd("status", "-c", config)

    assert (ran.code, ran.out) == (69, "")


# --- its age -------------------------------------------------------------------------------


def last_state(hammerd, config: Path, *words: str) -> dict[str, Any]:
    """Return the data that `status --json` prints."""
    answer: dict[str, Any] = json.loads(hammerd("status", "--json", "-c", config, *words).out)
    return answer


def seconds_ago(text: str) -> float:
    return time.time() - datetime.fromisoformat(text).timestamp()


def ago(seconds: float, *, boot_time: float | None = None) -> SavedMoment:
    """Return a moment of this boot; the clocks were not set since."""
    return SavedMoment(time.time() - seconds, time.monotonic() - seconds, boot_time)


def home_report(
    moment: SavedMoment, *, durable_at: float | None = None, **changes: object
) -> PairReport:
    """Return a report of home: all is safe until 10 s before `moment`."""
    lag = Lag(LagVerdict.BEHIND, 8, 10.0, moment.time, moment.time - 10, durable_at)
    return report("home", None, lag=lag, master_seen_at=moment.time - 1, **changes)


def test_data_in_memory_of_the_same_boot_is_safe(hammerd, killed: Path, state_dir: StateDir):
    moment = ago(5.0)
    state_dir.save(home_report(moment, slave_seen_at=moment.time - 1), moment=moment)

    (home,) = last_state(hammerd, killed, "home")["pairs"]

    assert 15 <= seconds_ago(home["safe_until_time"]) < 60
    assert home["durable_until_time"] is None
    assert home["safe_unknown_because"] is None


@pytest.mark.parametrize("durable_s", [None, 300.0])
def test_after_a_reboot_only_the_durable_part_is_safe(
    hammerd, killed: Path, state_dir: StateDir, durable_s: float | None
):
    moment = replace(ago(500.0), at=time.monotonic() + 1e6)
    durable_at = None if durable_s is None else moment.time - durable_s
    state_dir.save(
        home_report(moment, durable_at=durable_at, slave_seen_at=moment.time - 1), moment=moment
    )

    (home,) = last_state(hammerd, killed, "home")["pairs"]

    if durable_s is None:
        assert home["safe_until_time"] is None
        assert "may have been rebooted" in home["safe_unknown_because"]
    else:
        assert home["safe_until_time"] == home["durable_until_time"]
        assert 800 <= seconds_ago(home["safe_until_time"]) < 860


def test_nothing_newer_than_the_last_reading_of_the_slave_is_safe(
    hammerd, killed: Path, state_dir: StateDir
):
    moment = ago(5.0)
    state_dir.save(home_report(moment, slave_seen_at=moment.time - 90), moment=moment)

    (home,) = last_state(hammerd, killed, "home")["pairs"]

    assert home["safe_until_time"] == home["slave_seen_time"]
    assert 95 <= home["safe_until_age_s"] < 140


def test_a_clock_that_was_set_back_makes_no_age_smaller(
    hammerd, killed: Path, state_dir: StateDir
):
    moment = replace(ago(5.0), at=time.monotonic() - 1005.0)
    state_dir.save(home_report(moment, slave_seen_at=moment.time - 1), moment=moment)

    (home,) = last_state(hammerd, killed, "home")["pairs"]

    assert 1015 <= home["safe_until_age_s"] < 1060


@pytest.mark.parametrize("is_in_the_reading", [True, False])
def test_future_times_are_reported_and_left_out(
    hammerd, killed: Path, state_dir: StateDir, is_in_the_reading: bool
):
    moment, later = ago(5.0), ago(-3600.0)
    state_dir.save(
        home_report(moment, slave_seen_at=later.time if is_in_the_reading else moment.time),
        moment=moment if is_in_the_reading else later,
    )

    answer = last_state(hammerd, killed, "home")

    (home,), daemon = answer["pairs"], answer["hammerd"]
    assert "nobody knows how old it is" in daemon["state_complaints"][0]
    assert (home["safe_until_time"], home["slave_seen_time"]) == (None, None)
    assert (home["master_tid"], home["slave_tid"]) == (f"0x{0x30:016x}", f"0x{0x28:016x}")


def test_nothing_is_safe_on_a_diverged_slave(hammerd, killed: Path, state_dir: StateDir):
    state_dir.save(home=SavedPair(is_diverged=True))

    (home,) = last_state(hammerd, killed, "home")["pairs"]

    assert (home["is_diverged"], home["safe_until_time"]) == (True, None)


# --- unknown values -----------------------------------------------------------------------


def test_a_plan_that_holds_a_pair_is_told(hammerd, killed: Path, state_dir: StateDir):
    promoted = PlanRecord("home", PlanName.PROMOTE, NOON, Stage.PROMOTED)
    write_record(str(state_dir.path.parent), promoted)

    ran = hammerd("status", "-c", str(killed))

    assert "held by promote, promoted: no hammerd streams it" in ran.out


def test_a_pair_that_is_no_longer_disabled_stays_paused(hammerd, killed: Path):
    killed.write_text(killed.read_text().replace("enabled = false\n", ""))

    (old,) = last_state(hammerd, killed, "old")["pairs"]

    assert old["wanted"] == "paused"


def test_a_pair_that_the_last_hammerd_did_not_have_is_unknown(hammerd, killed: Path):
    killed.write_text(killed.read_text() + '[pairs.new]\nmaster = "/m"\nslave = "/s"\n')

    (new,) = last_state(hammerd, killed, "new")["pairs"]
    ran = hammerd("status", "new", "-c", killed)

    assert (new["wanted"], new["safe_until_time"]) == (None, None)
    assert ran.out.splitlines()[4:6] == [
        "new   -       -          -           -",
        "      the last hammerd did not have this pair",
    ]


@pytest.mark.parametrize("end", ["Backup1", "Backup2"])
def test_nothing_is_safe_for_a_pair_with_changed_endpoints(hammerd, killed: Path, end: str):
    killed.write_text(killed.read_text().replace(f"/{end}/pfs/home", "/other"))

    (home,) = last_state(hammerd, killed, "home")["pairs"]

    assert (home["safe_until_time"], home["slave_tid"]) == (None, None)
    assert home["safe_unknown_because"] == (
        "the last hammerd mirrored /Backup1/pfs/home to /Backup2/pfs/home"
    )


def test_each_slave_that_takes_turns_is_told(hammerd, killed: Path, state_dir: StateDir):
    """The slave that was there when the host was rebooted keeps what was durable."""
    killed.write_text(
        killed.read_text().replace("[pairs.mail]", 'rotate = ["/Disk/pfs/home"]\n[pairs.mail]', 1)
    )
    here = RotatingSlave(
        "here-1", "/Disk/pfs/home", Tid(0x28), NOON, NOON, moments=Moments(NOON, NOON + 75, NOON)
    )
    away = replace(here, unique_uuid="away-1", path="/Backup2/pfs/home", is_present=False)
    home = report("home", NOON + 75, extras=Extras(slaves=(here, away)))
    disk = replace(home.life.pair, slave=Endpoint("/Disk/pfs/home"))
    state_dir.save(replace(home, life=replace(home.life, pair=disk)))

    (told,) = last_state(hammerd, killed, "home")["pairs"]
    lines = hammerd("status", "home", "-c", killed).out.splitlines()

    assert (told["slave"], told["slave_tid"]) == ("/Disk/pfs/home", "0x0000000000000028")
    assert [
        (one["unique_uuid"], one["is_present"], one["slave_tid"], one["safe_until_time"])
        for one in told["slaves"]
    ] == [
        ("here-1", True, None, "2026-03-04T12:00:00.000Z"),
        ("away-1", False, "0x0000000000000028", "2026-03-04T12:01:15.000Z"),
    ]
    assert [line.strip() for line in lines if "slave /" in line] == [
        "slave /Disk/pfs/home (here): there, everything flushed by 2026-03-04",
        "slave /Backup2/pfs/home (away): away, TID 0x28, everything flushed by",
    ]


@pytest.mark.parametrize("name", ["state.json", "clocks.json"])
def test_files_of_an_older_release_are_reported_as_unknown(hammerd, config: Path, name: str):
    (config.parent / "db" / name).write_text("{}")

    answer = last_state(hammerd, config, "home", "old")
    ran = hammerd("status", "-c", config, columns=200)

    assert [pair["wanted"] for pair in answer["pairs"]] == [None, "down"]
    path = config.parent / "db/status.json"
    words = f"{path}: it is missing; was the last hammerd of an older release?"
    assert answer["hammerd"]["state_complaints"] == [words]
    assert (ran.code, ran.out) == (69, f"! {words}\n\n")


def test_a_status_that_another_user_could_have_written_is_not_used(
    hammerd, killed: Path, state_dir: StateDir
):
    state_dir.path.chmod(0o620)

    answer = last_state(hammerd, killed, "home")

    (home,), (complaint,) = answer["pairs"], answer["hammerd"]["state_complaints"]
    assert complaint.endswith("/status.json: another user could have written it")
    assert home["safe_until_time"] is None


def test_a_saved_status_of_another_version_is_refused(hammerd, killed: Path, state_dir: StateDir):
    state_dir.change(schema_version=2)

    answer = last_state(hammerd, killed, "home")

    (home,), (complaint,) = answer["pairs"], answer["hammerd"]["state_complaints"]
    assert complaint.endswith("/status.json: it is of version 2, this command knows 1")
    assert (home["wanted"], home["safe_until_time"]) == (None, None)
