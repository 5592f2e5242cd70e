import pytest

from hammerd.core.api.free_space import FreeSpace, is_short


@pytest.mark.parametrize(
    ("free", "was_short", "short"),
    [(4, False, True), (5, False, False), (6, False, False), (6, True, True), (7, True, False)],
)
def test_space_is_short_below_a_share_and_enough_a_little_above_it(
    free: int, was_short: bool, short: bool
) -> None:
    assert is_short(FreeSpace(free, 100), was_short=was_short) is short


def test_file_system_without_a_size_is_never_short() -> None:
    assert not is_short(FreeSpace(0, 0), was_short=False)
