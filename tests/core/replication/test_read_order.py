"""Every slave is read before its master."""

from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.read_order import chains_of, read_order


def pair(master: str, slave: str, *, remote_master: bool = False) -> Pair:
    host = "other" if remote_master else None
    return Pair(f"{master}-{slave}", Endpoint(master, host=host), Endpoint(slave))


def order(*pairs: Pair) -> list[str]:
    return [end.path for end in read_order(chains_of(pairs))]


def test_nothing_is_read_without_pairs() -> None:
    assert order() == []


def test_slave_is_read_before_its_master() -> None:
    assert order(pair("/a", "/b")) == ["/b", "/a"]


def test_cascade_is_read_from_its_end() -> None:
    assert order(pair("/a", "/b"), pair("/b", "/c")) == ["/c", "/b", "/a"]


def test_master_of_two_slaves_is_read_once_after_both() -> None:
    assert sorted(order(pair("/a", "/b"), pair("/a", "/c"))[:2]) == ["/b", "/c"]
    assert order(pair("/a", "/b"), pair("/a", "/c"))[2:] == ["/a"]


def test_end_on_another_host_is_not_read() -> None:
    assert order(pair("/a", "/b", remote_master=True)) == ["/b"]


def test_ends_of_a_cycle_are_read_as_slaves_and_then_as_masters() -> None:
    assert order(pair("/a", "/b"), pair("/b", "/a")) == ["/b", "/a", "/a", "/b"]


def test_pair_of_one_end_is_read_twice() -> None:
    assert order(pair("/a", "/a")) == ["/a", "/a"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=9))
def test_every_slave_is_read_before_a_later_reading_of_its_master(
    ends: list[tuple[str, str]],
) -> None:
    pairs = [pair(master, slave) for master, slave in ends]

    read = order(*pairs)

    assert set(read) == {end for both in ends for end in both}
    assert all(read.index(slave) < _last(read, master) for master, slave in ends)


def _last(read: list[str], end: str) -> int:
    return len(read) - 1 - read[::-1].index(end)
