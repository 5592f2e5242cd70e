"""The claims of status about safe, compared with the slave, when publishing is as the kernel's."""

import json
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.daemon.run import CHECKPOINT_S
from hammerd.simulator import admin
from hammerd.simulator.runtime.clock import kernel_now
from tests import hammerd_program
from tests.daemon.world import Status, World
from tests.hammerd_program import HAMMERD
from tests.waiting import until

STEP_SCALE = 4.0
"""The factor by which the file systems publish faster than a kernel: a short test."""


def moment(status: Status, name: str = "safe_until_time") -> float | None:
    text = status[name]
    return None if text is None else datetime.fromisoformat(text).timestamp()


def safe(status: Status) -> float:
    """Return the time until which all is safe, 0 where it is unknown."""
    found = moment(status)
    return 0.0 if found is None else found


def slave_of(world: World) -> Path:
    return world.fs(2) / "pfs/test"


def saved_clocks(world: World) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((world.root / "db/clocks.json").read_text())
    return found


# --- published in steps --------------------------------------------------------------------------


def test_what_status_calls_safe_is_on_the_slave_with_its_content(mirrored: World) -> None:
    for number in (1, 2):
        admin.publish_in_steps(
            mirrored.fs(number), shape=f"random {number}", time_scale=STEP_SCALE
        )
    flushed: dict[str, float] = {}
    checks = 0

    def check_safe() -> int:
        """Check the status against the slave; return the number of files that it calls safe."""
        nonlocal checks
        checks += 1
        at = safe(mirrored.status())
        claimed = [name for name, time_ in flushed.items() if time_ <= at]
        for name in claimed:
            there = slave_of(mirrored) / name
            assert there.exists(), f"{name} of {flushed[name]} is called safe at {at}"
            assert there.read_text() == f"content of {name}\n" * 500
        return len(claimed)

    def goes_on() -> bool:
        """Write and flush, then check while the flush is published step by step."""
        name = f"file{len(flushed)}"
        (mirrored.fs(1) / "test" / name).write_text(f"content of {name}\n" * 500)
        ends_at = time.monotonic() + admin.sync(mirrored.fs(1)).ends_s - kernel_now()
        while time.monotonic() < ends_at:
            check_safe()
        flushed[name] = time.time()
        return check_safe() >= 8

    until(goes_on, "files that are called safe")
    assert checks > len(flushed)


# --- missing slaves ------------------------------------------------------------------------------


def is_safe(now: Status) -> bool:
    return now["safe_until_time"] is not None


def destroy_slave(world: World) -> None:
    words = [str(world.hammer), "-d", "pfs-destroy", str(slave_of(world))]
    subprocess.run(words, input="y\n", text=True, capture_output=True, check=True)


def test_nothing_is_safe_on_a_pfs_that_is_destroyed(mirrored: World) -> None:
    mirrored.wait_for(is_safe, "something is safe")
    mirrored.ask(Verb.PAUSE, "test")
    mirrored.wait_for(lambda now: now["state"] == "stopped", "stopped")

    destroy_slave(mirrored)

    now = mirrored.wait_for(lambda now: not is_safe(now), "nothing is safe")
    assert "is gone" in now["lag_unknown_because"]
    mirrored.stop(mirrored.daemons[0])
    assert saved_clocks(mirrored)["slaves"] == {}
    mirrored.start(mirrored.root / "hammerd.toml")
    now = mirrored.wait_for(lambda now: now["lag_unknown_because"], "a reason")
    assert not is_safe(now)


def test_slave_that_is_not_mounted_keeps_what_is_safe(mirrored: World) -> None:
    mirrored.wait_for(is_safe, "something is safe")
    admin.unmount(mirrored.fs(2))

    now = mirrored.wait_for(lambda now: now["lag_verdict"] == "unknown", "unknown")

    assert is_safe(now)


# --- diverged endpoints ------------------------------------------------------------------------


def test_diverged_pair_keeps_what_was_safe_before_though_its_master_overtakes(
    mirrored: World,
) -> None:
    mirrored.wait_for(is_safe, "something is safe")
    subprocess.run(["cp", "-a", mirrored.fs(1), mirrored.root / "old"], check=True)
    last = f"0x{[mirrored.write(f'lost{number}', 'text') for number in range(5)][-1]:016x}"
    mirrored.wait_for(lambda now: now["slave_tid"] == now["master_tid"] == last, "in sync")
    mirrored.ask(Verb.PAUSE, "test")
    mirrored.wait_for(lambda now: now["state"] == "stopped", "stopped")
    restored = time.time()
    mirrored.fs(1).rename(mirrored.root / "broken")
    (mirrored.root / "old").rename(mirrored.fs(1))
    mirrored.wait_for_log("master.tid_went_back")
    mirrored.ask(Verb.RESUME, "test")
    mirrored.wait_for(lambda now: now["because"] == "diverged", "diverged")

    newest = [mirrored.write(f"new{number}", "text\n") for number in range(12)][-1]
    now = mirrored.wait_for(
        lambda now: int(now["master_tid"], 16) >= newest, "the master moved on"
    )

    assert now["master_tid"] > now["slave_tid"]
    assert (now["lag_s"], now["lag_tids"], now["lag_verdict"]) == (None, None, "unknown")
    assert 0 < safe(now) <= restored
    check = [*HAMMERD, "status", "--nagios", "-c", str(mirrored.root / "hammerd.toml")]
    data = hammerd_program.run(check, capture_output=True, text=True, check=False).stdout
    assert "'test_lag'=U;" in data
    assert "'test_lag_tids'=U;" in data


# --- clocks that are wrong ---------------------------------------------------------------------


@pytest.mark.parametrize("by_s", [3600.0, 3e7])
def test_samples_that_are_still_to_come_prove_nothing(mirrored: World, by_s: float) -> None:
    """The wall clock is behind at boot: saved times seem to lie in the future."""
    mirrored.wait_for(is_safe, "something is safe")
    mirrored.ask(Verb.PAUSE, "test")
    mirrored.wait_for(lambda now: now["state"] == "stopped", "stopped")
    mirrored.stop(mirrored.daemons[0])
    mirrored.write("held", "back\n")
    written = time.time()
    clocks = saved_clocks(mirrored)
    for sample in (*clocks["slaves"].values(), *(s for c in clocks["clocks"].values() for s in c)):
        sample[1] += by_s
    (mirrored.root / "db/clocks.json").write_text(json.dumps(clocks))
    path = mirrored.root / "db/status.json"
    status = json.loads(path.read_text())
    status["saved"]["time"] += by_s
    path.write_text(json.dumps(status))

    done = hammerd_program.run(
        [*HAMMERD, "status", "--json", "-c", str(mirrored.root / "hammerd.toml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert safe(json.loads(done.stdout)["pairs"][0]) == 0
    mirrored.start(mirrored.root / "hammerd.toml")
    now = mirrored.wait_for(lambda now: now["lag_tids"], "behind")

    assert now["lag_s"] is None
    assert safe(now) < written
    mirrored.wait_for_log("state.clocks_left_out")


# --- killed --------------------------------------------------------------------------------------


def test_daemon_leaves_what_it_knew_of_a_pair_long_before_the_first_minute(
    mirrored: World,
) -> None:
    began = time.monotonic()
    now = mirrored.wait_for(lambda now: now["lag_verdict"] == "in_sync", "in sync")
    path = mirrored.root / "db/clocks.json"

    def are_saved() -> bool:
        if not path.exists():
            return False
        return bool(
            saved_clocks(mirrored)["slaves"][str(slave_of(mirrored))][0] == now["slave_tid"]
        )

    until(are_saved, "the clocks are saved", CHECKPOINT_S)
    assert time.monotonic() - began < CHECKPOINT_S
