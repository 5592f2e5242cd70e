"""Every slave is read before its master."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.hosts.host import THIS_HOST
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.read_order import ReadSpan, chains_of, read_order


def pair(master: str, slave: str, *, remote_master: bool = False) -> Pair:
    host = SshHost("other") if remote_master else THIS_HOST
    return Pair(f"{master}-{slave}", Endpoint(master, host), Endpoint(slave))


def order(*pairs: Pair) -> list[str]:
    return [endpoint.path for endpoint in read_order(chains_of(pairs))]


def test_nothing_is_read_without_pairs() -> None:
    assert order() == []


def test_slave_is_read_before_its_master() -> None:
    assert order(pair("/a", "/b")) == ["/b", "/a"]


def test_cascade_is_read_from_its_last_slave() -> None:
    assert order(pair("/a", "/b"), pair("/b", "/c")) == ["/c", "/b", "/a"]


def test_master_of_two_slaves_is_read_once_after_both() -> None:
    assert sorted(order(pair("/a", "/b"), pair("/a", "/c"))[:2]) == ["/b", "/c"]
    assert order(pair("/a", "/b"), pair("/a", "/c"))[2:] == ["/a"]


def test_endpoint_on_another_host_is_not_read() -> None:
    assert order(pair("/a", "/b", remote_master=True)) == ["/b"]


def test_endpoints_of_a_cycle_are_read_as_slaves_and_then_as_masters() -> None:
    assert order(pair("/a", "/b"), pair("/b", "/a")) == ["/b", "/a", "/a", "/b"]


def test_endpoint_of_a_pair_with_itself_is_read_twice() -> None:
    assert order(pair("/a", "/a")) == ["/a", "/a"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=9))
def test_every_slave_is_read_before_a_later_reading_of_its_master(
    endpoint_pairs: list[tuple[str, str]],
) -> None:
    pairs = [pair(master, slave) for master, slave in endpoint_pairs]

    read = order(*pairs)

    assert set(read) == {endpoint for both in endpoint_pairs for endpoint in both}
    assert all(read.index(slave) < _last(read, master) for master, slave in endpoint_pairs)


def _last(read: list[str], endpoint: str) -> int:
    return len(read) - 1 - read[::-1].index(endpoint)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ReadSpan(0, 1, 1), ReadSpan(1, 2, 2)),
        (ReadSpan(0, 1), ReadSpan(1, 2)),
        (ReadSpan(1, 1), ReadSpan(1, 2, 1)),
        (ReadSpan(0, 1, 1), ReadSpan(1, 1)),
        (ReadSpan(0, 9, 1), ReadSpan(0.1, 9, 1)),
    ],
)
def test_reading_that_ended_or_was_listed_before_is_the_earlier_one(
    first: ReadSpan, second: ReadSpan
) -> None:
    assert first.is_before(second)
    assert not second.is_before(first)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ReadSpan(0, 5, 1), ReadSpan(1, 2, 2)),
        (ReadSpan(0, 2, 1), ReadSpan(1, 3, 2)),
        (ReadSpan(0, 5, 1), ReadSpan(3, 3)),
        (ReadSpan(0, 5, None), ReadSpan(1, 5, None)),
    ],
)
def test_readings_that_overlap_prove_nothing(one: ReadSpan, other: ReadSpan) -> None:
    assert not one.is_before(other)
    assert not other.is_before(one)
