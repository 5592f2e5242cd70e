"""Slaves that take turns outlive the daemon, and a reboot of the host as far as it is durable."""

import json
from dataclasses import replace

import pytest

from hammerd.core.replication.saved_moments import SavedMoment
from hammerd.core.rotation.rotating_slave import Moments, RotatingSlave, after_reboot
from hammerd.core.tid import Tid
from hammerd.daemon.state import saved_rotations, tid_clock_file
from hammerd.daemon.state.tid_clock_file import SavedClocks

WALL = 1_800_000_000.0
SLAVE = RotatingSlave(
    "u1",
    "/Backup2/pfs/t",
    Tid(0x50),
    1000.0,
    900.0,
    moments=Moments(990.0, 980.0, 970.0),
    durable_tid=Tid(0x40),
    forked_tid=Tid(0x30),
    wall_ahead_s=WALL,
)
AWAY = replace(SLAVE, unique_uuid="u2", is_present=False, tid=None, moments=Moments())
SAVED = SavedClocks(
    moment=SavedMoment(WALL + 1100.0, 1100.0, 1.0),
    to_wall_s=WALL,
    rotating={"home": (SLAVE, AWAY)},
)


def loaded(saved: SavedClocks, now_time: float, now_at: float, *, is_same_boot: bool = True):
    read = tid_clock_file.parse("".join(tid_clock_file.pieces(saved))).rotating
    return saved_rotations.rebase(read, now_time, now_at, is_same_boot=is_same_boot)["home"]


def test_slaves_are_loaded_as_they_were_saved() -> None:
    assert loaded(SAVED, WALL + 1200.0, 1200.0) == (SLAVE, AWAY)


def test_moments_keep_their_wall_time() -> None:
    (slave, _) = loaded(SAVED, WALL + 5000.0, 10.0)

    assert slave.moments.safe_at == pytest.approx(980.0 + 10.0 - 5000.0)


def test_slave_that_was_there_before_a_reboot_keeps_what_was_durable() -> None:
    expected = (after_reboot(SLAVE), AWAY)

    assert expected == loaded(SAVED, WALL + 1200.0, 1200.0, is_same_boot=False)


def test_moment_of_a_wrong_wall_clock_counts_as_no_lag() -> None:
    (slave, _) = loaded(SAVED, WALL + 500.0, 500.0)

    assert slave.moments == replace(SLAVE.moments, held_at=None)


@pytest.mark.parametrize(
    "damage",
    [
        {"home": 3},
        {"home": [3]},
        {"home": [{}]},
        {"home": [{**saved_rotations.value_of(SLAVE, WALL), "seen": "now"}]},
        {"home": [{**saved_rotations.value_of(SLAVE, WALL), "tid": 3}]},
        [],
    ],
)
def test_damage_is_a_fault_of_the_file(damage: object) -> None:
    whole = json.loads("".join(tid_clock_file.pieces(SAVED)))

    with pytest.raises(ValueError, match=r"."):
        tid_clock_file.parse(json.dumps({**whole, "rotating": damage}))
