"""The age of a file is never too small, even if clocks were set and hosts rebooted."""

import pytest

from hammerd.core.replication.saved_moments import SavedMoment, age_of, is_same_boot

NOON, HOUR, YEAR = 1.8e9, 3600.0, 3.2e7
BOOT = NOON - 5000.0


def moment(time: float, at: float | None, boot_time: float | None = BOOT) -> SavedMoment:
    return SavedMoment(time, at, boot_time)


def test_age_uses_both_clocks() -> None:
    assert age_of(moment(NOON, 5000), moment(NOON + 60, 5060)) == 60


@pytest.mark.parametrize("step_s", [-YEAR, -HOUR, HOUR, YEAR])
def test_wall_clock_that_was_set_within_one_boot_changes_no_age(step_s: float) -> None:
    assert age_of(moment(NOON, 5000), moment(NOON + 60 + step_s, 5060)) == 60


@pytest.mark.parametrize("boot_time", [None, BOOT + 100.0])
def test_save_in_the_future_after_another_boot_has_no_age(boot_time: float | None) -> None:
    assert age_of(moment(NOON, 5000), moment(NOON - HOUR, 30, boot_time)) is None
    assert age_of(moment(NOON, 10), moment(NOON - HOUR, 5030, boot_time)) is None


def test_age_after_another_boot_is_that_of_the_wall_clock() -> None:
    assert age_of(moment(NOON, 5000), moment(NOON + HOUR, 30, NOON + HOUR - 30)) == HOUR


def test_longer_age_by_the_monotonic_clock_counts() -> None:
    """The wall clock was set back by an hour, the boot is unknown: the monotonic age counts."""
    saved, now = moment(NOON, 100, None), moment(NOON + 60, 3760, None)

    assert age_of(saved, now) == 3660


def test_boots_of_a_host_that_lost_its_time_cannot_be_distinguished() -> None:
    lost = 30.0
    saved, now = moment(NOON, 5000, lost), moment(NOON + HOUR, 5060, lost)

    assert age_of(saved, now) == HOUR


def test_file_of_an_older_hammerd_has_a_wall_time_only() -> None:
    assert age_of(SavedMoment(NOON), moment(NOON + 60, 9)) == 60
    assert age_of(SavedMoment(NOON), moment(NOON - 60, 9)) is None


def test_small_correction_of_the_wall_clock_is_no_step() -> None:
    assert age_of(SavedMoment(NOON), moment(NOON - 0.5, 9)) == 0


@pytest.mark.parametrize(
    ("now", "is_same"),
    [
        (moment(NOON + 60, 5060), True),
        (moment(NOON + 60 - YEAR, 5060), True),
        (moment(NOON + HOUR, 30, NOON + HOUR - 30), False),
        (moment(NOON + YEAR, 6000, NOON + YEAR - 6000), False),
        # The boots cannot be distinguished: the age decides whether the host ran for so long.
        (moment(NOON + 60, 5060, None), True),
        (moment(NOON + HOUR, 30, None), False),
        (moment(NOON + 6000, 5500, None), False),
        (moment(NOON + 60, None, None), False),
    ],
)
def test_reboot_since_a_file_was_saved_is_never_missed(now: SavedMoment, *, is_same: bool) -> None:
    assert is_same_boot(moment(NOON, 5000), now) == is_same
