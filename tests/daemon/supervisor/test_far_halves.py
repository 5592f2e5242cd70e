"""The start of far halves: a guard before a mirror-write, unless the key over there refuses it."""

import json
from dataclasses import replace

from hammerd.core.hosts.far_guard import guard_words
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint, Gear, Pair
from hammerd.daemon.supervisor.far_halves import FarHalves

FAR = SshHost("far.example", "root")
PAIR = Pair("home", Endpoint("/m", FAR), Endpoint("/s", FAR))
GUARD = guard_words("me", "/s")


def guards(far: FarHalves, pair: Pair = PAIR) -> dict[str, str]:
    value = json.loads(far.environment(pair, Gear.BULK)["HAMMERD_RSH"])
    return {end: value[end]["guard"] for end in ("master", "slave") if end in value}


def test_a_writer_on_another_host_has_a_guard() -> None:
    assert guards(FarHalves("/root", "rsh", "me")) == {"master": "", "slave": GUARD}


def test_it_has_none_where_the_config_says_so() -> None:
    host = replace(FAR, settings=SshSettings(is_guarded=False))
    pair = replace(PAIR, slave=Endpoint("/s", host))

    assert guards(FarHalves("/root", "rsh", "me"), pair) == {"master": "", "slave": ""}


def test_a_key_that_refused_the_guard_gets_it_no_more() -> None:
    far = FarHalves("/root", "rsh", "me")
    far.guard_refused(PAIR)
    other_path = replace(PAIR, slave=Endpoint("/t", FAR))
    other_key = replace(FAR, settings=SshSettings(identity="/root/.ssh/other"))

    assert guards(far) == {"master": "", "slave": ""}
    assert guards(far, other_path)["slave"] == ""
    assert guards(far, replace(PAIR, slave=Endpoint("/s", other_key)))["slave"] == GUARD


def test_a_slave_of_this_host_needs_none() -> None:
    pair = replace(PAIR, slave=Endpoint("/s"))

    assert guards(FarHalves("/root", "rsh", "me"), pair) == {"master": ""}
