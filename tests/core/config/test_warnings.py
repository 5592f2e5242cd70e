"""Allowed values of a config that are most likely a mistake give warnings."""

import pytest

from hammerd.core.errors import Fault
from tests.config_text import parse_config


def pair(name: str, master: str, slave: str, *lines: str) -> str:
    head = f'[pairs.{name}]\nmaster = "{master}"\nslave = "{slave}"\n'
    return head + "".join(f"{line}\n" for line in lines)


def warnings(*tables: str) -> list[Fault]:
    return list(parse_config("".join(tables), "test.toml").warnings)


def warnings_for(*tables: str) -> list[str]:
    return [f"{each.where}: {each.what}" for each in warnings(*tables)]


def test_an_ordinary_config_gives_no_warning():
    assert (
        warnings_for(pair("a", "/1", "/2"), pair("b", "/2", "beta:/3"), pair("c", "beta:/4", "/5"))
        == []
    )


def test_pairs_that_mirror_each_other_are_a_circle():
    assert [
        Fault(
            "pairs.b.slave",
            'closes a circle with "a": every end is a slave, and none is the source',
            '"/1/"',
            "such streams copy nothing and never rest: disable one of the pairs",
        )
    ] == warnings(pair("a", "/1", "/2"), pair("b", "/2", "/1/"))


def test_a_longer_circle_is_reported_once_without_its_downstream_pairs():
    assert warnings_for(
        pair("out", "/3", "/4"),
        pair("a", "/1", "/2"),
        pair("b", "/2", "/3"),
        pair("c", "/3", "/1"),
    ) == [
        'pairs.c.slave: closes a circle with "a", "b": '
        "every end is a slave, and none is the source"
    ]


def test_a_disabled_pair_closes_no_circle():
    assert warnings_for(pair("a", "/1", "/2"), pair("b", "/2", "/1", "enabled = false")) == []


@pytest.mark.parametrize(
    ("line", "warning"),
    [
        ('lag_warning = "119s"', "pairs.a.lag_warning: gives false alarms below 2m"),
        (
            'stall_timeout = "64s"',
            'pairs.a.stall_timeout: lets a healthy stream be restarted: delay is "5s"',
        ),
        (
            'delay = "541s"',
            'pairs.a.delay: lets a healthy stream be restarted: stall_timeout is "10m"',
        ),
    ],
)
def test_durations_that_hammer_cannot_keep_are_named(line: str, warning: str):
    assert [warning] == warnings_for(pair("a", "/1", "/2", line))


@pytest.mark.parametrize("line", ['lag_warning = "2m"', 'stall_timeout = "65s"', 'delay = "540s"'])
def test_durations_that_hammer_can_keep_give_no_warning(line: str):
    assert warnings_for(pair("a", "/1", "/2", line)) == []


def test_a_short_lag_of_the_defaults_is_reported_once():
    text = '[defaults]\nlag_warning = "10s"\nlag_critical = "20s"\n'

    assert [
        each.where for each in warnings(text, pair("a", "/1", "/2"), pair("b", "/1", "/3"))
    ] == ["defaults.lag_warning", "defaults.lag_critical"]


def test_two_remote_endpoints_are_a_detour():
    assert warnings_for(pair("a", "alpha:/1", "beta:/2")) == [
        "pairs.a.slave: is remote as the master is: all data comes here and goes out again"
    ]


def test_a_blank_in_a_path_gives_a_warning():
    assert warnings_for(pair("a", "/pfs/my home ", "/2")) == ["pairs.a.master: holds a blank"]


def test_a_stop_timeout_longer_than_a_shutdown_is_reported_once():
    daemon = '[daemon]\nstop_timeout = "1m"\n'
    pairs = (pair("a", "/1", "/2"), pair("b", "/3", "/4"))

    assert warnings(daemon, *pairs) == [
        Fault(
            "daemon.stop_timeout",
            "is longer than a shutdown waits for its services (rcshutdown_timeout, 30s)",
            '"1m"',
            "make it 22s or shorter, or raise that in rc.conf",
        )
    ]
    assert warnings_for(daemon.replace("1m", "22s"), *pairs) == []


def test_a_host_that_is_the_scheme_of_a_url_gives_a_warning():
    assert warnings_for(pair("a", "/1", "file:/Backup2/pfs/a")) == [
        'pairs.a.slave: is the path /Backup2/pfs/a of a host called "file"'
    ]


def test_typographic_characters_in_a_path_give_a_warning():
    daemon = '[daemon]\nlog_file = "/var/log/a\u2026"\n'

    assert warnings_for(daemon, pair("a", "/1", "/pfs/home\u20132")) == [
        "pairs.a.slave: holds an en dash (U+2013)",
        "daemon.log_file: holds a horizontal ellipsis (U+2026)",
    ]


def test_samples_rarer_than_lag_critical_give_a_warning():
    rare = '[daemon]\nsample_interval = "5m"\n'
    pair_of = pair("a", "/1", "/2", 'lag_warning = "2m"', 'lag_critical = "5m"')

    assert warnings_for(rare, pair_of) == [
        "daemon.sample_interval: makes a slave in sync critical between two samples:"
        ' lag_critical is "5m"'
    ]
    assert warnings_for(rare.replace("5m", "4m59s"), pair_of) == []
