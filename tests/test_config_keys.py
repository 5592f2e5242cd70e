"""A new config key or a new option of mirror-stream is forgotten nowhere.

Manual and sample are held to the table of keys by tests/test_manual.py and
tests/core/config/test_sample.py. Here stands what a reload makes of each field.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum

import pytest

from hammerd.core.config.model import Config, DaemonConfig, NotifyConfig
from hammerd.core.config.schema import DAEMON_KEYS, PAIR_KEYS
from hammerd.core.hammer.commands import stream_argv, stream_environment
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.config_diff import READ_ONCE, Reload, diff
from hammerd.core.pairs import Endpoint, Gear, Pair, StreamOptions, Thresholds, Timing
from hammerd.daemon.logging.files import LogFiles
from hammerd.daemon.run import Daemon
from hammerd.daemon.supervisor.reload import Reloader
from hammerd.daemon.wiring import Wiring

SSH = SshSettings(identity="/root/.ssh/far", known_hosts="/etc/ssh/far")
ALPHA, BETA = SshHost("alpha", "root", SSH), SshHost("beta", "root", SSH)
PAIR = Pair("home", Endpoint("/m", ALPHA), Endpoint("/s", BETA))

SSH_SETTINGS = {
    *("program", "port", "identity", "options", "known_hosts", "only_known_hosts"),
    *("remote_hammer", "is_compressed"),
}
"""The settings of ssh in its argv; the user is a field of the host itself."""

RESTARTS = {
    *("master.path", "master.host.name", "master.host.user"),
    *("slave.path", "slave.host.name", "slave.host.user"),
    *(f"{end}.host.settings.{name}" for end in ("master", "slave") for name in SSH_SETTINGS),
    "options.delay_s",
    "options.bandwidth_bytes",
    "options.split_bytes",
    "options.gear",
    "options.following_delay_s",
}
"""Fields of a pair whose change ends its stream, to launch another one."""

IS_ANOTHER_PAIR = {"name", "enabled"}

TAKEN_OVER_IN = {
    "log_file": LogFiles.take_over,
    "log_format": Reloader._apply_logs,
    "log_level": Reloader._apply_logs,
    "syslog_facility": LogFiles.take_over,
    "lag_log_file": LogFiles.take_over,
    "sample_interval_s": Wiring.follow_config,
    "stop_timeout_s": Daemon.shut_down,
    "history_keep_s": Wiring.follow_config,
}
"""Fields of the daemon that a reload changes, each with a function that reads the new value."""


def leaves(value: object, path: str = "") -> Iterator[str]:
    """Yield the paths of all fields of a pair, those of its parts included."""
    for each in fields(value):
        inner, name = getattr(value, each.name), f"{path}{each.name}"
        if is_dataclass(inner):
            yield from leaves(inner, f"{name}.")
        else:
            yield name


def changed(value: object, path: str) -> object:
    """Return a value with one field changed, in itself or in a part of it."""
    name, _, rest = path.partition(".")
    old = getattr(value, name)
    return replace(value, **{name: changed(old, rest) if rest else another(old)})


def another(old: object) -> object:
    match old:
        case bool():
            return not old
        case StrEnum():
            return next(one for one in type(old) if one is not old)
        case str():
            return f"{old}x"
        case tuple():
            return (*old, "Ciphers=aes128-ctr")
        case int() | float():
            return old + 1
        case None:
            return 7
        case _:
            raise AssertionError(old)


def launch(pair: Pair, gear: Gear) -> tuple[object, ...]:
    """Return all that decides how a stream runs: its argv and its environment."""
    return stream_argv("hammer", pair, gear), stream_environment("/", "rsh", pair, gear)


FIELDS = list(leaves(PAIR))


@pytest.mark.parametrize("path", FIELDS)
def test_reload_restarts_the_streams_that_a_field_changes_and_no_others(path: str) -> None:
    now = changed(PAIR, path)
    launches = [tuple(launch(each, gear) for gear in Gear) for each in (PAIR, now)]

    changes = diff(Config(pairs=(PAIR,)), Config(pairs=(now,)))
    if path in IS_ANOTHER_PAIR:
        assert (changes.restart, changes.retuned) == ((), ())
        return
    restarts = launches[0] != launches[1] or path == "options.gear"
    assert changes == (Reload(restart=("home",)) if restarts else Reload(retuned=("home",)))
    assert (path in RESTARTS) is restarts


def test_what_restarts_a_stream_is_a_field() -> None:
    assert set(FIELDS) >= RESTARTS | IS_ANOTHER_PAIR


@pytest.mark.parametrize(
    "home", [DaemonConfig, Pair, StreamOptions, Timing, Thresholds, SshSettings]
)
def test_every_field_has_a_key(home: type[object]) -> None:
    keys = {key.field for key in (*DAEMON_KEYS, *PAIR_KEYS) if key.model is home}
    by_itself = {
        Pair: {"name", "options", "timing", "thresholds"},
        SshSettings: {"only_known_hosts"},
    }

    assert {each.name for each in fields(home)} == keys | by_itself.get(home, set())


@pytest.mark.parametrize("field", [each.name for each in fields(DaemonConfig)])
def test_daemon_field_is_taken_over_or_waits_for_the_next_start(field: str) -> None:
    function = TAKEN_OVER_IN.get(field)
    assert (field in READ_ONCE) is (function is None), "say when a reload takes it over"
    if function is not None:
        assert field in read_in(function)


def test_reload_takes_notifications_over_at_once() -> None:
    with_repeats = Config(notify=NotifyConfig(repeat_every_s=60.0))

    assert diff(Config(), with_repeats) == Reload(daemon_retuned=("notify",))
    assert "notify" in read_in(Wiring.follow_config)


def read_in(function: Callable[..., object]) -> set[str]:
    """Return the names of all attributes that a function reads."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
