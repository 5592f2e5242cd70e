"""Tests which file systems are flushed for which endpoints."""

from dataclasses import replace

import pytest

from hammerd.core.flush.flushes import FileSystem, file_systems, flushed_pairs, shortest_interval_s
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.machine import new_life
from hammerd.core.pair.states import Down, Memory, Paused, Wanted
from hammerd.core.pairs import Endpoint, Pair, Timing


def pair(name: str, master: str, slave: str, every_s: float | None = 10.0) -> Pair:
    return Pair(name, Endpoint(master), Endpoint(slave), timing=Timing(flush_every_s=every_s))


HOME = pair("home", "/B1/pfs/home", "/B2/pfs/home")
MAIL = pair("mail", "/B1/more/mail", "/B2/pfs/mail", 4.0)
PLACES = {
    HOME.master: "/B1/pfs",
    HOME.slave: "/B2/pfs",
    MAIL.master: "/B1/more",
    MAIL.slave: "/B2/pfs",
}


def test_file_system_is_flushed_once_for_all_its_pairs_at_the_shortest_interval() -> None:
    names = {"/B1/pfs": "uuid-1", "/B1/more": "uuid-1", "/B2/pfs": "uuid-2"}

    assert file_systems((HOME, MAIL), PLACES, names) == (
        FileSystem("/B1/pfs", frozenset({HOME.master, MAIL.master}), frozenset(), 4.0),
        FileSystem("/B2/pfs", frozenset(), frozenset({HOME.slave, MAIL.slave}), 4.0),
    )


def test_paths_without_a_name_are_flushed_separately_unless_they_are_the_same() -> None:
    paths = [one.path for one in file_systems((HOME, MAIL), PLACES, {})]

    assert paths == ["/B1/pfs", "/B2/pfs", "/B1/more"]


def test_endpoint_between_two_pairs_is_master_and_slave_of_one_file_system() -> None:
    onward = pair("onward", "/B2/pfs/home", "/B3/pfs/home")
    places = {HOME.master: "/B1/pfs", HOME.slave: "/B2/pfs", onward.slave: "/B3/pfs"}

    (_, between, _) = file_systems((HOME, onward), places, {})

    assert between == FileSystem(
        "/B2/pfs", frozenset({onward.master}), frozenset({HOME.slave}), 10.0
    )


def test_endpoint_on_another_host_is_not_flushed() -> None:
    far = replace(HOME, slave=Endpoint("/B2/pfs/home", SshHost("backup")))

    assert [one.path for one in file_systems((far,), PLACES, {})] == ["/B1/pfs"]


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (replace(HOME, enabled=False), None),
        (pair("off", "/m", "/s", None), None),
        (HOME, Paused()),
        (HOME, Down()),
    ],
)
def test_pair_that_is_not_to_run_or_does_not_ask_is_not_flushed(
    asked: Pair, wanted: Wanted | None
) -> None:
    memory = Memory(wanted=wanted) if wanted else Memory()

    assert flushed_pairs([new_life(asked, memory, 0.0)]) == ()
    assert flushed_pairs([new_life(HOME, Memory(), 0.0)]) == (HOME,)


def test_shortest_interval_of_enabled_pairs_counts() -> None:
    assert shortest_interval_s([HOME, MAIL]) == 4.0
    assert shortest_interval_s([HOME, replace(MAIL, enabled=False)]) == 10.0
    assert shortest_interval_s([pair("off", "/m", "/s", None)]) is None
