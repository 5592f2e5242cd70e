"""Tests which streams a changed config starts, stops and restarts."""

from dataclasses import replace

import pytest

from hammerd.core.config.model import Config, DaemonConfig, LogLevel
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.config_diff import Reload, diff
from hammerd.core.pairs import (
    Endpoint,
    GearChoice,
    Pair,
    StreamOptions,
    Thresholds,
    Timing,
)

HOME = Pair("home", Endpoint("/m/home"), Endpoint("/s/home"))
MAIL = Pair("mail", Endpoint("/m/mail"), Endpoint("/s/mail"))


def config(*pairs: Pair) -> Config:
    return Config(pairs=pairs)


def test_the_same_config_keeps_every_stream():
    assert Reload(keep=("home", "mail")) == diff(config(HOME, MAIL), config(HOME, MAIL))


def test_pairs_that_come_and_go_are_started_and_stopped():
    assert Reload(start=("mail",), stop=("home",)) == diff(config(HOME), config(MAIL))


def test_a_renamed_pair_is_another_pair():
    away = replace(HOME, name="away")

    assert Reload(start=("away",), stop=("home",)) == diff(config(HOME), config(away))


def test_a_disabled_pair_is_one_that_is_not_there():
    off = replace(HOME, enabled=False)

    assert Reload(stop=("home",)) == diff(config(HOME), config(off))
    assert Reload(start=("home",)) == diff(config(off), config(HOME))
    assert Reload() == diff(config(off), config())


@pytest.mark.parametrize(
    "changed",
    [
        replace(HOME, master=Endpoint("/m/other")),
        replace(HOME, slave=Endpoint("/s/home", SshHost("beta"))),
        replace(HOME, options=StreamOptions(delay_s=9)),
        replace(HOME, options=StreamOptions(following_delay_s=9)),
        replace(HOME, options=StreamOptions(bandwidth_bytes=1 << 20)),
        replace(HOME, options=StreamOptions(split_bytes=1 << 20)),
        replace(HOME, options=StreamOptions(gear=GearChoice.BULK)),
    ],
)
def test_changed_argv_restarts_the_stream(changed: Pair):
    assert Reload(restart=("home",), keep=("mail",)) == diff(
        config(HOME, MAIL), config(changed, MAIL)
    )


@pytest.mark.parametrize(
    "changed",
    [
        replace(HOME, thresholds=Thresholds(lag_warning_s=1.0)),
        replace(HOME, timing=Timing(stop_grace_s=1.0)),
        replace(HOME, options=StreamOptions(bulk_after_s=1.0)),
    ],
)
def test_thresholds_and_timing_leave_the_stream_alone(changed: Pair):
    assert Reload(retuned=("home",)) == diff(config(HOME), config(changed))


def test_daemon_keys_are_grouped_by_when_they_take_effect():
    daemon = DaemonConfig(log_level=LogLevel.DEBUG, sample_interval_s=5.0, run_dir="/tmp/h")

    assert Reload(
        keep=("home",),
        daemon_retuned=("log_level", "sample_interval_s"),
        daemon_restart=("run_dir",),
    ) == diff(config(HOME), Config(daemon, (HOME,)))
