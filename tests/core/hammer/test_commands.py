"""The argv and environment of every hammer call are right and free of harmful options."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.hammer.commands import SEARCH_PATH, environment, pfs_status_argv, stream_argv
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint, Gear, Pair, StreamOptions

PAIR = Pair("home", Endpoint("/master"), Endpoint("/slave"))
HAMMER = "/sbin/hammer"


def stream(pair: Pair, gear: Gear) -> str:
    return " ".join(stream_argv(HAMMER, pair, gear))


def test_bulk_gear_has_restart_points() -> None:
    argv = "/sbin/hammer -vv -i 5 -S 4294967296 mirror-stream /master /slave"

    assert stream(PAIR, Gear.BULK) == argv


def test_following_gear_has_no_restart_points() -> None:
    assert stream(PAIR, Gear.FOLLOWING) == "/sbin/hammer -vv -i 1 -B mirror-stream /master /slave"


def test_each_gear_has_its_own_delay() -> None:
    pair = replace(PAIR, options=StreamOptions(delay_s=30, following_delay_s=7))

    assert " -i 30 " in stream(pair, Gear.BULK)
    assert " -i 7 " in stream(pair, Gear.FOLLOWING)


def test_options_of_a_pair_stand_before_the_verb() -> None:
    options = StreamOptions(delay_s=2, bandwidth_bytes=500_000, split_bytes=1 << 20)
    pair = replace(PAIR, options=options)

    assert stream(pair, Gear.BULK) == (
        "/sbin/hammer -vv -i 2 -b 500000 -S 1048576 mirror-stream /master /slave"
    )


@pytest.mark.parametrize(
    ("endpoint", "operand"),
    [
        (Endpoint("/m", SshHost("h")), "h:/m"),
        (Endpoint("/m", SshHost("h", "root")), "root@h:/m"),
    ],
)
def test_remote_endpoint_has_hammers_form(endpoint: Endpoint, operand: str) -> None:
    assert stream_argv(HAMMER, replace(PAIR, master=endpoint), Gear.BULK)[-2:] == (
        operand,
        "/slave",
    )


@given(
    st.builds(
        StreamOptions,
        delay_s=st.integers(1, 3600),
        following_delay_s=st.integers(1, 3600),
        bandwidth_bytes=st.none() | st.integers(1, 1 << 40),
        split_bytes=st.integers(1, 1 << 50),
    ),
    st.sampled_from(Gear),
)
def test_no_stream_has_a_harmful_option(options: StreamOptions, gear: Gear) -> None:
    argv = stream_argv(HAMMER, replace(PAIR, options=options), gear)

    assert argv[-3:] == ("mirror-stream", "/master", "/slave")
    assert not {"-t", "-y", "-e", "-c"} & set(argv)
    assert ("-B" in argv) != ("-S" in argv)
    assert argv[argv.index("-i") + 1] != "0"
    assert "-vv" in argv


def test_pfs_status_keeps_the_order_of_the_paths() -> None:
    endpoints = (Endpoint("/b"), Endpoint("/a"))

    assert pfs_status_argv(HAMMER, endpoints) == (HAMMER, "pfs-status", "/b", "/a")


def test_environment_inherits_nothing_of_the_daemons() -> None:
    assert environment("/root") == {"PATH": SEARCH_PATH, "HOME": "/root", "LC_ALL": "C"}
