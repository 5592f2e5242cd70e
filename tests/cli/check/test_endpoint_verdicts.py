"""Warnings about endpoints with which a pair could not stream."""

from dataclasses import replace

import pytest

from hammerd.cli.check.endpoint_verdicts import EndpointFacts, streaming_warnings
from hammerd.core.errors import Fault
from hammerd.core.hammer.pfs_links import LinkedPfs
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.tid import Tid

PAIR = Pair("a", Endpoint("/m"), Endpoint("/s"))
SHARED = "d0d6402b-e667-11f1-a43e-01301bb8a9f5"
MASTER = PfsStatus("/m", 1, Tid(9), SHARED, "m", is_master=True)
SLAVE = replace(MASTER, path="/s", unique_uuid="s", is_master=False)


def warnings_of(master: EndpointFacts, slave: EndpointFacts, pair: Pair = PAIR) -> list[str]:
    found: tuple[Fault, ...] = streaming_warnings((pair,), {"/m": master, "/s": slave})
    return [f"{each.where}: {each.what}" for each in found]


def test_a_pair_as_it_should_be_is_not_warned_of() -> None:
    assert warnings_of(EndpointFacts(probe=MASTER), EndpointFacts(probe=SLAVE)) == []


def test_unknown_endpoints_give_no_warning() -> None:
    assert warnings_of(EndpointFacts(), EndpointFacts()) == []


@pytest.mark.parametrize(
    "master", [EndpointFacts(LinkedPfs(1, Tid(9))), EndpointFacts(probe=SLAVE)]
)
@pytest.mark.parametrize("slave", [EndpointFacts(LinkedPfs(1, None)), EndpointFacts(probe=MASTER)])
def test_swapped_endpoints_are_found_by_links_and_by_null_mounts(
    master: EndpointFacts, slave: EndpointFacts
) -> None:
    (words,) = warnings_of(master, slave)

    assert words.startswith("pairs.a: has its ends swapped")


def test_a_master_that_is_a_slave_feeds_a_cascade() -> None:
    upper = replace(SLAVE, path="/m", unique_uuid="m")

    assert warnings_of(EndpointFacts(probe=upper), EndpointFacts(probe=SLAVE)) == []


def test_a_promoted_slave_is_found_by_its_link_alone() -> None:
    slave = EndpointFacts(LinkedPfs(2, None))

    assert warnings_of(EndpointFacts(probe=MASTER), slave) == ["pairs.a.slave: is a master"]


def test_a_disabled_pair_is_left_alone() -> None:
    pair = replace(PAIR, enabled=False)

    assert warnings_of(EndpointFacts(probe=SLAVE), EndpointFacts(probe=MASTER), pair) == []


def test_a_remote_endpoint_is_not_taken_for_a_local_one() -> None:
    pair = replace(PAIR, master=Endpoint("/m", SshHost("beta")))

    assert warnings_of(EndpointFacts(probe=SLAVE), EndpointFacts(probe=SLAVE), pair) == []
