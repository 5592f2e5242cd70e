"""Times are right after a wall clock that was wrong, by what is known once it is set right."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.history.eras import TRUSTED_MS, Era, corrected_begins

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
NOON_MS = 1_800_000_000_000
"""When the first boot began, in truth."""


@dataclass(frozen=True, slots=True)
class Told:
    """A part of a story: how long it lasts, and how far the wall clock is ahead meanwhile.

    `is_boot`: the host was booted before it. `away_ms`: the host slept before it, or was off.
    """

    span_ms: int
    ahead_ms: int = 0
    is_boot: bool = False
    away_ms: int = 0


def errors(*story: Told) -> list[int]:
    """Play a story, and return how far the corrected begin of each era is from the truth."""
    true_ms, mono_ms, boot = NOON_MS, 30_000, 1
    eras, truths = [], []
    for each in story:
        true_ms += each.away_ms
        if each.is_boot:
            boot, mono_ms = boot + 1, 30_000
        eras.append(Era(boot, true_ms + each.ahead_ms, mono_ms, each.span_ms))
        truths.append(true_ms)
        true_ms, mono_ms = true_ms + each.span_ms, mono_ms + each.span_ms
    return [begin - truth for begin, truth in zip(corrected_begins(eras), truths, strict=True)]


TO_1970 = -NOON_MS
LONG = Told(2 * HOUR_MS)
RIGHT = Told(MINUTE_MS)
STORIES: dict[str, tuple[Told, ...]] = {
    "ahead for a while": (LONG, Told(HOUR_MS, 30 * DAY_MS), RIGHT),
    "behind for a while": (LONG, Told(HOUR_MS, -30 * DAY_MS), RIGHT),
    "ahead twice": (LONG, Told(HOUR_MS, DAY_MS), LONG, Told(HOUR_MS, 9 * DAY_MS), RIGHT),
    "ahead, then behind": (LONG, Told(HOUR_MS, DAY_MS), Told(HOUR_MS, -DAY_MS), RIGHT),
    "ahead, and more so": (LONG, Told(HOUR_MS, DAY_MS), Told(HOUR_MS, 9 * DAY_MS), RIGHT),
    "set right in two steps": (LONG, Told(HOUR_MS, 9 * DAY_MS), Told(HOUR_MS, DAY_MS), RIGHT),
    "behind, set right in two steps": (
        *(LONG, Told(HOUR_MS, -9 * DAY_MS), Told(HOUR_MS, -DAY_MS)),
        RIGHT,
    ),
    "ahead since the boot": (Told(HOUR_MS, 2 * HOUR_MS), RIGHT),
    "in 2031 since the boot": (Told(HOUR_MS, 1_500 * DAY_MS), RIGHT),
    "in 1970 since the boot": (Told(HOUR_MS, TO_1970), RIGHT),
    "an hour behind since the second boot": (
        *(LONG, Told(MINUTE_MS, -HOUR_MS, is_boot=True, away_ms=MINUTE_MS)),
        RIGHT,
    ),
    "in 1970 at the second boot": (LONG, Told(HOUR_MS, TO_1970, is_boot=True), RIGHT),
    "in 1970 at two boots": (
        *(Told(HOUR_MS, TO_1970), Told(HOUR_MS, TO_1970, is_boot=True, away_ms=MINUTE_MS)),
        RIGHT,
    ),
    "in 1970 anew at each boot": (
        *(Told(HOUR_MS, TO_1970), Told(HOUR_MS, TO_1970 - HOUR_MS, is_boot=True)),
        RIGHT,
    ),
    "slept": (LONG, Told(HOUR_MS, away_ms=8 * HOUR_MS), Told(HOUR_MS, away_ms=8 * HOUR_MS)),
    "slept for seconds": (LONG, *[Told(HOUR_MS, away_ms=2_000)] * 3),
    "slept while ahead": (
        *(LONG, Told(HOUR_MS, DAY_MS), Told(HOUR_MS, DAY_MS, away_ms=8 * HOUR_MS)),
        RIGHT,
    ),
    "slept while behind": (
        *(LONG, Told(HOUR_MS, -DAY_MS), Told(HOUR_MS, -DAY_MS, away_ms=8 * HOUR_MS)),
        RIGHT,
    ),
    "ahead at two boots": (
        Told(HOUR_MS, DAY_MS),
        Told(HOUR_MS, DAY_MS, is_boot=True, away_ms=MINUTE_MS),
        RIGHT,
    ),
    "ahead until the boot": (
        *(LONG, Told(HOUR_MS, 30 * DAY_MS)),
        Told(2 * HOUR_MS, is_boot=True, away_ms=MINUTE_MS),
    ),
    "drifts": (LONG, Told(HOUR_MS, 900), Told(HOUR_MS, -900), RIGHT),
}


@pytest.mark.parametrize("name", STORIES)
def test_times_are_right_once_the_clock_is(name: str) -> None:
    assert max(map(abs, errors(*STORIES[name]))) <= 1_000


@pytest.mark.parametrize("name", STORIES)
def test_what_was_right_stays_so_through_later_stories(name: str) -> None:
    later = (*STORIES[name], LONG, Told(HOUR_MS, -7 * DAY_MS), LONG)

    assert max(map(abs, errors(*later))) <= 1_000


def test_a_wrong_clock_is_believed_only_until_it_is_set_right() -> None:
    behind = (LONG, Told(2 * HOUR_MS, -DAY_MS))

    # For two hours it looks as if the clock had been ahead before.
    assert errors(*behind) == [-DAY_MS, -DAY_MS]
    assert errors(*behind, RIGHT) == [0, 0, 0]


def test_a_boot_that_cannot_be_right_ends_when_the_next_one_begins() -> None:
    ahead = Told(HOUR_MS, 30 * DAY_MS)
    new = Told(TRUSTED_MS - 1, is_boot=True, away_ms=MINUTE_MS)

    # The new clock is not trusted at first.
    assert errors(ahead, new) == [30 * DAY_MS, 0]
    assert errors(ahead, replace(new, span_ms=TRUSTED_MS)) == [MINUTE_MS, 0]


def test_a_clock_of_before_hammerd_is_never_trusted() -> None:
    lost = Told(9 * HOUR_MS, TO_1970, is_boot=True, away_ms=MINUTE_MS)

    assert errors(LONG, lost) == [0, TO_1970]


def test_rows_of_version_1_stay_where_they_are() -> None:
    old = Era(0, 0, 0, NOON_MS + DAY_MS, is_fixed=True)
    new = Era(1, NOON_MS, 30_000, 2 * HOUR_MS)

    assert corrected_begins([old, new]) == [0, NOON_MS]
    # A clock that showed an earlier time than these rows was behind.
    right = Era(1, NOON_MS + 4 * HOUR_MS + DAY_MS, 30_000 + 2 * HOUR_MS, MINUTE_MS)
    assert corrected_begins([old, new, right]) == [
        *(0, NOON_MS + 2 * HOUR_MS + DAY_MS),
        NOON_MS + 4 * HOUR_MS + DAY_MS,
    ]


def test_a_sleep_is_no_correction_though_old_rows_are_later() -> None:
    old = Era(0, 0, 0, NOON_MS + 30 * DAY_MS, is_fixed=True)
    awake = Era(1, NOON_MS, 30_000, HOUR_MS)
    slept = Era(1, NOON_MS + 9 * HOUR_MS, 30_000 + HOUR_MS, HOUR_MS)

    assert corrected_begins([old, awake, slept]) == [0, NOON_MS, NOON_MS + 9 * HOUR_MS]


# --- random stories ------------------------------------------------------------------------------

STEPS = tuple(3**power * HOUR_MS for power in range(7))
"""No sum or difference of some of them is equal to another one."""


@st.composite
def stories(draw: st.DrawFn) -> list[Told]:
    """Draw a story of one boot: steps that are taken back, the last ones first, and sleeps."""
    sizes = [draw(st.sampled_from((-1, 1))) * size for size in draw(st.permutations(STEPS))]
    spans = st.integers(1_000, 3 * HOUR_MS)
    ahead: list[int] = []
    story = [Told(draw(spans))]
    for kind in draw(st.lists(st.sampled_from(("step", "back", "sleep")), max_size=12)):
        away_ms = 0
        if kind == "step" and sizes:
            ahead.append(sizes.pop())
        elif kind == "back" and ahead:
            ahead.pop()
        elif kind == "sleep":
            # Never as long as a step: nothing could tell them apart.
            away_ms = draw(st.integers(10_000, HOUR_MS // 3))
        story.append(Told(draw(spans), sum(ahead), away_ms=away_ms))
    while ahead:
        ahead.pop()
        story.append(Told(draw(spans), sum(ahead)))
    return story


@given(stories())
def test_steps_that_are_taken_back_leave_no_error(story: list[Told]) -> None:
    assert max(map(abs, errors(*story))) <= 1_000


@st.composite
def boots(draw: st.DrawFn) -> list[Told]:
    """Draw a story of boots, at some of which the clock is wrong until it is set right."""
    spans, story = st.integers(1_000, HOUR_MS), [Told(HOUR_MS)]
    for kind in draw(st.lists(st.sampled_from(("right", "ahead", "behind", "lost")), max_size=5)):
        off_ms = draw(st.integers(10_000, DAY_MS))
        size_ms = draw(st.sampled_from(STEPS))
        now_ms = NOON_MS + sum(each.span_ms + each.away_ms for each in story)
        # Less than the time that the host was off could not be noticed.
        ahead_ms = {"right": 0, "ahead": size_ms, "behind": -size_ms - off_ms, "lost": -now_ms}
        story.append(Told(draw(spans), ahead_ms[kind], is_boot=True, away_ms=off_ms))
        if kind != "right":
            story.append(Told(draw(spans)))
        if draw(st.booleans()):
            story += (Told(draw(spans), size_ms), Told(draw(spans)))
    return story


@given(boots())
def test_clocks_that_are_set_right_after_the_boot_leave_no_error(story: list[Told]) -> None:
    assert max(map(abs, errors(*story))) <= 1_000
