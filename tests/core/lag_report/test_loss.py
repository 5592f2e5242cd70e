"""Loss, had the master died at a time: only what was proven then counts."""

import pytest

from hammerd.core.lag_report.loss import Gap, Loss, Proven, loss_at
from tests.core.lag_report.courses import at, stretch


def proven(second: float, safe: float | None, durable: float | None = None) -> Proven:
    times = (None if each is None else at(each) for each in (safe, durable))
    return Proven(at(second), *times)


SAMPLES = [
    proven(0, -60, -90),
    proven(30, -20, -90),
    proven(600, None),
    proven(630, 500),
    proven(900, 950),
]
COURSE = [stretch(0, 30), stretch(30, 60), stretch(600, 630, None), stretch(630, 660)]


@pytest.mark.parametrize(
    ("second", "wanted", "lost_s"),
    [
        (-1, Loss(at(-1), gap=Gap.NO_SAMPLE), None),
        (29, Loss(at(29), at(0), at(-60), at(-90)), 89.0),
        (30, Loss(at(30), at(30), at(-20), at(-90)), 50.0),
        # Nobody looked: what was told before proves nothing of this time.
        (300, Loss(at(300), at(30), at(-20), at(-90), Gap.NOT_SAMPLED_THEN), None),
        (610, Loss(at(610), at(600), gap=Gap.NOT_PROVEN), None),
        # A later sample does not tell of an earlier moment.
        (640, Loss(at(640), at(630), at(500)), 140.0),
        # A moment that is to come is a clock that was wrong.
        (901, Loss(at(901), at(900), at(901)), 0.0),
    ],
)
def test_the_last_sample_before_the_death_tells(second: float, wanted: Loss, lost_s):
    loss = loss_at(at(second), SAMPLES, COURSE)

    assert loss == wanted
    assert loss.lost_s == lost_s


def test_a_power_cut_of_the_slave_loses_more():
    loss = loss_at(at(30), SAMPLES, COURSE)

    assert (loss.lost_s, loss.lost_with_power_s) == (50.0, 120.0)


@pytest.mark.parametrize(("rollback", "gap"), [(29, None), (31, Gap.NOT_PROVEN), (41, None)])
def test_a_rollback_since_the_sample_ends_its_proof(rollback: float, gap: Gap | None):
    assert loss_at(at(40), SAMPLES, COURSE, [at(rollback)]).gap is gap
