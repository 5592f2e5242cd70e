"""The sample config is valid and shows every key with its default and purpose."""

import re
import tomllib

import pytest

from hammerd.core.config.model import AlarmLevel, Config, DaemonConfig, NotifyConfig, Receiver
from hammerd.core.config.schema import DAEMON_KEYS, NOTIFY_KEYS, PAIR_KEYS, Key
from hammerd.core.pairs import Endpoint, Pair, StreamOptions, Timing
from tests.config_text import parse_config
from tests.paths import ROOT

SAMPLE = (ROOT / "etc" / "hammerd.toml.sample").read_text()
ENDS = (Endpoint("/Backup1/pfs/test"), Endpoint("/Backup2/pfs/test"))


def section(name: str) -> str:
    return SAMPLE.partition(f"\n[{name}]\n")[2].partition("\n[")[0]


def test_the_sample_mirrors_the_tutorial_s_pair():
    assert Config(DaemonConfig(), (Pair("test", *ENDS),)) == parse_config(SAMPLE, "sample")


def test_the_sample_s_comments_are_the_defaults():
    spoken = re.sub(r"^#(?=[a-z_]+ = |\[)", "", SAMPLE, flags=re.MULTILINE)
    config = parse_config(spoken, "sample")

    with_bandwidth = StreamOptions(bandwidth_bytes=20 << 20)
    with_flushes = Timing(flush_every_s=10.0, verify_every_s=604_800.0)
    assert Config(DaemonConfig(), config.pairs, notify=config.notify) == config
    samples = "/usr/local/etc/hammerd/notify.d"
    assert config.notify == NotifyConfig(
        heartbeat=(f"{samples}/heartbeat", "https://hc-ping.com/UUID"),
        receivers=(
            Receiver("notify", (f"{samples}/mail", "root")),
            Receiver(
                "notify.pager",
                (f"{samples}/webhook", "https://pager.example/hook"),
                AlarmLevel.CRITICAL,
            ),
        ),
    )
    pair = Pair("test", *ENDS, options=with_bandwidth, timing=with_flushes)
    assert pair == config.pairs[0]
    assert [pair.name for pair in config.pairs] == ["test", "offsite"]


@pytest.mark.parametrize("key", PAIR_KEYS, ids=lambda key: key.name)
def test_the_sample_shows_every_pair_key(key: Key):
    if key.is_required:
        assert f"\n{key.name} = {key.example}\n" in SAMPLE
    else:
        assert_shown(key, section("defaults"))


@pytest.mark.parametrize("key", DAEMON_KEYS, ids=lambda key: key.name)
def test_the_sample_shows_every_daemon_key(key: Key):
    assert_shown(key, section("daemon"))


@pytest.mark.parametrize("key", NOTIFY_KEYS, ids=lambda key: key.name)
def test_the_sample_shows_every_key_of_notifications(key: Key):
    assert_shown(key, SAMPLE.partition("\n#[notify] ")[2].partition("\n#[")[0])


def assert_shown(key: Key, text: str) -> None:
    value = key.example if key.default is None else key.show(key.default)
    line = rf"^#{key.name} = {re.escape(value)} +# .*{re.escape(key.doc)}"
    assert re.search(line, text, flags=re.MULTILINE)


@pytest.mark.parametrize("key", [*PAIR_KEYS, *DAEMON_KEYS, *NOTIFY_KEYS], ids=lambda key: key.name)
def test_every_default_could_have_been_written(key: Key):
    if key.is_required or key.default is None:
        return
    (value,) = tomllib.loads(f"value = {key.show(key.default)}").values()

    assert key.default == key.kind.read(value)


def test_no_two_keys_share_a_name():
    names = [key.name for key in (*DAEMON_KEYS, *PAIR_KEYS, *NOTIFY_KEYS)]

    assert len(names) == len(set(names))
