"""Tests claims on slaves and the queue for them."""

import pytest

from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.slave_claims import (
    Busy,
    Claim,
    Resource,
    SlaveClaims,
    slave_keys,
    uuid_of,
)
from hammerd.core.pairs import Endpoint

HERE = Endpoint("/pfs/slave")
BY_PATH = slave_keys((HERE,), None)
BY_BOTH = slave_keys((HERE,), "uuid")
BY_OTHER_PATH = slave_keys((Endpoint("/null/slave"),), "uuid")
ANOTHER = slave_keys((Endpoint("/pfs/another"),), "other uuid")


def owned_by(owner: str, keys: frozenset[str] = BY_BOTH) -> SlaveClaims:
    slaves = SlaveClaims()
    assert slaves.take(Claim(owner, keys)) is None
    return slaves


@pytest.mark.parametrize("keys", [BY_PATH, BY_BOTH, BY_OTHER_PATH])
def test_slave_is_one_slave_by_whichever_key_it_is_known(keys: frozenset[str]) -> None:
    slaves = owned_by("old")

    assert slaves.take(Claim("new", keys)) == Busy(Resource.SLAVE, "old")


def test_another_slave_is_free() -> None:
    assert owned_by("old").take(Claim("new", ANOTHER)) is None


def test_same_path_on_another_host_is_another_slave() -> None:
    slaves = owned_by("old", slave_keys((Endpoint("/s", SshHost("one")),), None))

    assert slaves.take(Claim("new", slave_keys((Endpoint("/s", SshHost("two")),), None))) is None
    assert slaves.take(Claim("here", slave_keys((Endpoint("/s"),), None))) is None


@pytest.mark.parametrize("user", [None, "root", "backup"])
def test_user_that_ssh_logs_in_as_does_not_make_it_another_slave(user: str | None) -> None:
    slaves = owned_by("old", slave_keys((Endpoint("/s", SshHost("one")),), None))

    assert slaves.take(Claim("new", slave_keys((Endpoint("/s", SshHost("one", user)),), None)))


def test_two_paths_of_one_pfs_on_another_host_are_one_slave() -> None:
    slaves = owned_by("old", slave_keys((Endpoint("/s", SshHost("one")),), "uuid"))
    null_mount = slave_keys((Endpoint("/null/s", SshHost("One", "root")),), "uuid")

    assert slaves.take(Claim("new", null_mount)) == Busy(Resource.SLAVE, "old")


def test_copy_of_a_disk_in_another_host_is_another_slave() -> None:
    slaves = owned_by("old", slave_keys((Endpoint("/s", SshHost("one")),), "uuid"))

    for name, copy in (("two", Endpoint("/s", SshHost("two"))), ("here", Endpoint("/s"))):
        assert slaves.take(Claim(name, slave_keys((copy,), "uuid"))) is None


@pytest.mark.parametrize("slave", [HERE, Endpoint("/s", SshHost("one", "root"))])
def test_claim_shows_the_uuid_of_its_slave(slave: Endpoint) -> None:
    assert uuid_of(Claim("one", slave_keys((slave,), "uuid"))) == "uuid"
    assert uuid_of(Claim("one", slave_keys((slave,), None))) is None


def test_owner_that_launches_again_takes_its_own_slave() -> None:
    assert owned_by("old").take(Claim("old", BY_BOTH)) is None


def test_groups_that_write_already_hold_one_slave_together() -> None:
    slaves = owned_by("orphan")
    slaves.hold(Claim("other orphan", BY_PATH))
    slaves.take(Claim("pair", BY_BOTH))

    slaves.release("orphan")
    assert list(slaves.unblocked()) == []
    slaves.release("other orphan")
    assert list(slaves.unblocked()) == ["pair"]


def test_slave_that_is_released_goes_to_the_first_that_asked() -> None:
    slaves = owned_by("old")
    for owner in ("second", "first", "third"):
        slaves.take(Claim(owner, BY_PATH))
    slaves.leave_queue("second")

    assert list(slaves.unblocked()) == []
    slaves.release("old")
    assert list(slaves.unblocked()) == ["first", "third"]
    assert slaves.take(Claim("first", BY_PATH)) is None
    assert slaves.take(Claim("third", BY_PATH)) == Busy(Resource.SLAVE, "first")
    assert list(slaves.unblocked()) == []


def test_asking_twice_keeps_the_place_in_the_queue() -> None:
    slaves = owned_by("old")
    for owner in ("first", "second", "first"):
        slaves.take(Claim(owner, BY_PATH))
    slaves.release("old")

    assert list(slaves.unblocked()) == ["first", "second"]


def test_owner_that_has_its_slave_waits_no_more() -> None:
    slaves = owned_by("old")
    slaves.take(Claim("new", BY_PATH))
    slaves.release("old")
    slaves.take(Claim("new", BY_PATH))
    slaves.release("new")

    assert list(slaves.unblocked()) == []


def test_slave_with_two_claims_is_free_when_both_are_released() -> None:
    """One orphan has the path as its key, another the uuid: the pair waits for both."""
    slaves = owned_by("one orphan", BY_PATH)
    assert slaves.take(Claim("other orphan", BY_OTHER_PATH)) is None
    slaves.take(Claim("pair", BY_BOTH))

    slaves.release("one orphan")
    assert list(slaves.unblocked()) == []
    slaves.release("other orphan")
    assert list(slaves.unblocked()) == ["pair"]


def test_release_of_what_is_not_held_is_nothing() -> None:
    slaves = owned_by("old")
    slaves.release("new")

    assert slaves.holder(BY_PATH) == Claim("old", BY_BOTH)
    assert slaves.holder(BY_PATH, but="old") is None


# --- new keys --------------------------------------------------------------------------------


LASTING = slave_keys((Endpoint("/disk/slave"),), "uuid")
ALL = LASTING | BY_PATH


def test_uuid_that_is_read_later_makes_two_claims_one() -> None:
    slaves = owned_by("orphan", slave_keys((Endpoint("/disk/slave"),), None))
    assert slaves.take(Claim("pair", BY_OTHER_PATH)) is None
    assert list(slaves.conflicts()) == []

    slaves.rekey([(LASTING, ALL)])

    ((older, younger),) = slaves.conflicts()
    assert (older.owner, younger.owner) == ("orphan", "pair")
    assert older.keys >= BY_PATH


def test_keys_read_later_count_for_the_queue_too() -> None:
    slaves = owned_by("old", slave_keys((Endpoint("/disk/slave"),), None))
    slaves.take(Claim("new", slave_keys((Endpoint("/disk/slave"),), None)))
    slaves.take(Claim("other", BY_OTHER_PATH))

    slaves.rekey([(LASTING, ALL)])
    slaves.release("old")

    assert list(slaves.unblocked()) == []
    slaves.release("other")
    assert list(slaves.unblocked()) == ["new"]


def test_turned_link_joins_no_two_claims() -> None:
    slaves = owned_by("turned", slave_keys((Endpoint("/cur/slave"), Endpoint("/one")), "uuid 1"))
    slaves.take(Claim("other", slave_keys((Endpoint("/two"),), "uuid 2")))
    now = slave_keys((Endpoint("/two"),), "uuid 2")

    slaves.rekey([(now, now)], but={"turned"})

    assert list(slaves.conflicts()) == []
    assert slaves.take(Claim("new", slave_keys((Endpoint("/one"),), None))) is not None


def test_claims_that_share_many_keys_conflict_once() -> None:
    slaves = owned_by("old", ALL)
    slaves.hold(Claim("new", ALL))
    slaves.hold(Claim("another", ANOTHER))

    assert [(one.owner, other.owner) for one, other in slaves.conflicts()] == [("old", "new")]
