"""The lag that status shows, compared with the true lag."""

import json
import time

from hammerd.core.api.protocol import Verb
from hammerd.simulator import admin
from tests.daemon.world import Status, World
from tests.waiting import until

INTERVAL_S = 0.5
"""The sample interval of the tests' config: the most by which a lag may be overstated."""

SLACK_S = 2.0
"""The delay of a sample or answer on a busy machine; a wrong lag differs by more."""


def test_lag_in_sync_is_the_age_of_the_last_reading_of_the_master(mirrored: World) -> None:
    now = mirrored.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")

    assert now["lag_tids"] == 0
    assert 0 <= now["lag_s"] <= INTERVAL_S + SLACK_S
    assert now["master_tid"] == f"0x{admin.flush_tid(mirrored.fs(1)):016x}"
    assert now["slave_tid"] == f"0x{admin.sync_end_tid(mirrored.fs(2) / 'pfs/test'):016x}"


def test_lag_of_a_slave_held_back_is_the_age_of_what_it_lacks(mirrored: World) -> None:
    mirrored.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")
    mirrored.ask(Verb.PAUSE, "test")
    mirrored.wait_for(lambda now: now["state"] == "stopped", "stopped")
    slave_tid = admin.sync_end_tid(mirrored.fs(2) / "pfs/test")

    asked = time.monotonic()
    master_tid = mirrored.write("held", "back\n")
    written = time.monotonic()

    for held_s in (1.0, 2.5, 4.0):
        until(lambda: time.monotonic() - written >= held_s, "time passes")  # noqa: B023
        before = time.monotonic()
        now = mirrored.wait_for(lambda now: now["lag_verdict"] == "behind", "behind")
        after = time.monotonic()

        assert now["lag_tids"] == master_tid - slave_tid
        # Never understated; overstated by one interval at most.
        assert now["lag_s"] >= before - written
        assert now["lag_s"] <= after - asked + INTERVAL_S + SLACK_S

    mirrored.ask(Verb.RESUME, "test")
    mirrored.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync again")


def test_lag_of_an_end_that_cannot_be_read_is_unknown(mirrored: World) -> None:
    known = mirrored.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")
    admin.unmount(mirrored.fs(2))

    now = mirrored.wait_for(lambda now: now["lag_verdict"] == "unknown", "unknown")

    assert (now["lag_s"], now["lag_tids"]) == (None, None)
    assert now["health"] in ("unknown", "warning")
    # The time until which all is safe stays known.
    assert now["safe_until_time"] <= now["lag_measured_time"]
    assert now["lag_measured_time"] >= known["lag_measured_time"]
    assert str(mirrored.fs(2) / "pfs/test") in now["lag_unknown_because"]
    until(lambda: "end.unreadable" in mirrored.log(), "it is in the log")
    assert mirrored.log().count("end.unreadable") == 1
    admin.mount(mirrored.fs(2))
    mirrored.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync again")
    until(lambda: "end.read_again" in mirrored.log(), "that it is read again is in the log")
    until(lambda: mirrored.log().count("end.read_again") == 1, "it is logged once")


def test_lag_after_a_start_is_never_that_of_an_earlier_run(mirrored: World) -> None:
    mirrored.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")
    mirrored.ask(Verb.PAUSE, "test")
    mirrored.wait_for(lambda now: now["state"] == "stopped", "stopped")
    mirrored.stop(mirrored.daemons[0])
    mirrored.write("held", "back\n")
    config = mirrored.root / "hammerd.toml"
    config.write_text(
        config.read_text().replace('sample_interval = "0.5s"', 'sample_interval = "9m"')
    )

    mirrored.start(config)
    seen: list[Status] = []

    def is_behind() -> bool:
        seen.append(mirrored.status())
        return seen[-1]["lag_verdict"] == "behind"

    until(is_behind, "behind, though no interval has passed")
    assert {now["lag_s"] for now in seen[:-1]} <= {None}


def test_lag_is_on_record_in_a_file_of_its_own(world: World) -> None:
    pair = world.make_pair()
    world.write("first", "first\n")
    world.start(world.configure({"test": pair}, log_file=str(world.root / "log/h.log")))
    config = world.root / "hammerd.toml"
    assert config.exists()
    world.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")
    record = world.root / "log/lag.log"

    until(lambda: record.exists() and "verdict=in_sync" in record.read_text(), "a lag line")

    line = next(line for line in record.read_text().splitlines() if "in_sync" in line)
    assert "lag.sampled pair=test" in line
    assert f"master_tid=0x{admin.flush_tid(world.fs(1)):016x}" in line


def test_log_in_json_is_one_object_a_line(world: World) -> None:
    config = world.configure({"test": world.make_pair()})
    config.write_text(config.read_text().replace("[daemon]", '[daemon]\nlog_format = "json"', 1))
    world.start(config)
    world.wait_until_following()

    world.wait_for_log("pair.stopping")
    events = [json.loads(line) for line in world.log().splitlines()]

    assert "daemon.started" in {event["event"] for event in events[:2]}
    assert [event["event"] for event in events if event.get("pair") == "test"][:4] == [
        "pair.probing",
        "pair.launching",
        "pair.streaming",
        "pair.stopping",
    ]


def test_corrupt_state_file_is_set_aside_and_reported(mirrored: World) -> None:
    mirrored.stop(mirrored.daemons[0])
    state = mirrored.root / "db/state.json"
    assert json.loads(state.read_text())["version"] == 1
    state.write_text('{"version": 1, "pairs": ')

    mirrored.start(mirrored.root / "hammerd.toml")

    mirrored.wait_until_following()
    mirrored.wait_for_log("state.unreadable")
    assert (mirrored.root / "db/state.json.bad").exists()


def test_lag_in_seconds_survives_a_restart_as_approximate(mirrored: World) -> None:
    mirrored.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")
    mirrored.ask(Verb.PAUSE, "test")
    mirrored.wait_for(lambda now: now["state"] == "stopped", "stopped")
    mirrored.stop(mirrored.daemons[0])
    written = time.time()
    mirrored.write("held", "back\n")

    mirrored.start(mirrored.root / "hammerd.toml")
    now = mirrored.wait_for(lambda now: now["lag_verdict"] == "behind", "behind")

    assert now["lag_approximate"]
    assert time.time() - written <= now["lag_s"] + SLACK_S
