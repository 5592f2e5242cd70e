"""A whole config becomes a value, or a list of all its faults."""

from contextlib import suppress
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.config.model import (
    AlarmLevel,
    Config,
    DaemonConfig,
    LogFormat,
    LogLevel,
    NotifyConfig,
    Receiver,
    SyslogFacility,
)
from hammerd.core.config.reader import read_config
from hammerd.core.config.schema import DAEMON_KEYS, NOTIFY_KEYS, PAIR_KEYS, Key
from hammerd.core.errors import ConfigError, Fault
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import (
    Endpoint,
    GearChoice,
    Pair,
    Rotation,
    StreamOptions,
    Thresholds,
    Timing,
)
from tests.config_text import parse_config

TUTORIAL = """
[pairs.test]
master = "/Backup1/pfs/test"
slave = "/Backup2/pfs/test"
"""

BAD = r"""
lag_warning = "5m"

[daemon]
log_formt = "json"
run_dir = "run"
sample_interval = 30

[defaults]
backoff_initial = "10m"

[pairs.home]
master = "/Backup1/pfs/home/"
slave = "/Backup1/pfs/home"
lag_warnin = "2m"
lag_warning = "1h"

[pairs.mail]
master = "root@alpha:/pfs/ma il;@x"
slave = "fe80::1:/x"
enabled = "yes"

[pairs.web]
slave = "/Backup1/pfs/home/"

[pairs."my web"]
master = "web"
slave = "/Backup2/pfs/a:b"
gear = 3

[pears]
"""

BAD_SAYS = """\
/etc/bad.toml: 19 faults
  lag_warning: stands outside a table
    hint: lag_warning belongs in [defaults] or [pairs.NAME]
  pears: is not a table of hammerd
    hint: did you mean "pairs"?
  daemon.log_formt: is not a key
    hint: did you mean "log_format"?
  daemon.run_dir: must be an absolute path (got "run")
    hint: begin it with a /, like "/run"
  daemon.sample_interval: needs a unit (got 30)
    hint: write "30s" for seconds
  pairs.home.lag_warnin: is not a key
    hint: did you mean "lag_warning"?
  pairs.home.lag_warning: must be shorter than lag_critical, which is "30m" (got "1h")
    hint: a warning comes before it is critical
  defaults.backoff_initial: must not be longer than backoff_max, which is "5m" (got "10m")
    hint: waits grow from the first to the second
  pairs.home.slave: is the same PFS as the master (got "/Backup1/pfs/home")
    hint: point it at a PFS made with "hammer pfs-slave"
  pairs.mail.master: holds an `@` in its path, which hammer takes for the end of a user \
(got "root@alpha:/pfs/ma il;@x")
    hint: name the PFS by its link, like /Backup1/pfs/test
  pairs.mail.master: holds characters in a remote path that the remote shell interprets: \
blank ; (got "root@alpha:/pfs/ma il;@x")
    hint: link the PFS under a plain name on the remote host
  pairs.mail.slave: holds an IPv6 address, which hammer cuts at its first colon \
(got "fe80::1:/x")
    hint: give the host a name in /etc/hosts or in root's .ssh/config
  pairs.mail.enabled: must be true or false, without quotes (got "yes")
  pairs.web.master: is missing
    hint: add master = "/Backup1/pfs/test"
  pairs."my web": is not a name for a pair
    hint: letters, digits and . _ -, 63 at most, a letter or digit first
  pairs."my web".master: must have an absolute path (got "web")
    hint: write it like "/Backup1/pfs/test"
  pairs."my web".slave: holds a `:` in a local path: hammer takes what stands before it as a \
host (got "/Backup2/pfs/a:b")
    hint: reach the PFS by a path without a colon
  pairs."my web".gear: must be one of auto, bulk (got 3)
  pairs.web.slave: is the slave of pair "home" already (got "/Backup1/pfs/home/")
    hint: two streams onto one slave move its TID backwards: disable one of the pairs"""


def faults_of(text: str) -> tuple[Fault, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "test.toml")
    return caught.value.faults


def fault_paths(text: str) -> list[str]:
    return [fault.where for fault in faults_of(text)]


def pair_with(line: str) -> str:
    return f"{TUTORIAL}{line}\n"


def test_the_tutorial_s_pair_needs_two_lines():
    config = parse_config(TUTORIAL, "test.toml")

    endpoints = (Endpoint("/Backup1/pfs/test"), Endpoint("/Backup2/pfs/test"))
    assert Config(DaemonConfig(), (Pair("test", *endpoints),)) == config


KEYS = (*DAEMON_KEYS, *PAIR_KEYS)

EVERY_KEY: dict[str, tuple[str, object]] = {
    "log_file": ('"/var/log/h.log"', "/var/log/h.log"),
    "log_format": ('"json"', LogFormat.JSON),
    "log_level": ('"debug"', LogLevel.DEBUG),
    "syslog_facility": ('"local3"', SyslogFacility("local3")),
    "lag_log_file": ('"/var/log/l.log"', "/var/log/l.log"),
    "state_dir": ('"/var/db/h/"', "/var/db/h"),
    "run_dir": ('"/var/run/h"', "/var/run/h"),
    "hammer": ('"/usr/local/bin/hammer"', "/usr/local/bin/hammer"),
    "sample_interval": ('"1.5s"', 1.5),
    "stop_timeout": ('"25s"', 25.0),
    "status_group": ('"operator"', "operator"),
    "history_keep": ('"30d"', 30 * 86_400.0),
    "master": (
        '"root@alpha.example:/pfs/far"',
        Endpoint("/pfs/far", SshHost("alpha.example", "root")),
    ),
    "slave": ('"/Backup2/pfs/far/"', Endpoint("/Backup2/pfs/far")),
    "enabled": ("false", False),
    "notify": ("false", False),
    "rotate": (
        '["/Backup3/pfs/far"]',
        Rotation(takes_turns=True, paths=("/Backup2/pfs/far", "/Backup3/pfs/far")),
    ),
    "delay": ('"1m"', 60),
    "following_delay": ('"7s"', 7),
    "bandwidth": ('"500k"', 500 << 10),
    "split": ('"1G"', 1 << 30),
    "gear": ('"bulk"', GearChoice.BULK),
    "bulk_after": ('"1h"', 3600.0),
    "lag_warning": ('"10m"', 600.0),
    "lag_critical": ('"1d"', 86_400.0),
    "stall_timeout": ('"11s"', 11.0),
    "prescan_timeout": ('"12s"', 12.0),
    "mount_grace": ('"13s"', 13.0),
    "healthy_after": ('"14s"', 14.0),
    "backoff_initial": ('"15s"', 15.0),
    "backoff_max": ('"16s"', 16.0),
    "stop_grace": ('"17s"', 17.0),
    "probe_timeout": ('"18s"', 18.0),
    "launch_timeout": ('"19s"', 19.0),
    "flush_every": ('"21s"', 21.0),
    "verify_every": ('"2h"', 7200.0),
    "ssh": ('"/usr/local/bin/ssh"', "/usr/local/bin/ssh"),
    "ssh_user": ('"mirror"', "mirror"),
    "ssh_port": ("2222", 2222),
    "ssh_identity": ('"/root/.ssh/far"', "/root/.ssh/far"),
    "ssh_admin_identity": ('"/root/.ssh/admin"', "/root/.ssh/admin"),
    "ssh_admin_user": ('"root"', "root"),
    "ssh_options": (
        '["ProxyJump=gate", "Ciphers aes128-ctr"]',
        ("ProxyJump=gate", "Ciphers aes128-ctr"),
    ),
    "ssh_known_hosts": ('"/etc/ssh/far"', "/etc/ssh/far"),
    "remote_hammer": ('"/opt/sbin/hammer"', "/opt/sbin/hammer"),
    "remote_hammerd": ('"/opt/bin/hammerd"', "/opt/bin/hammerd"),
    "compress": ("true", True),
    "probe_remote": ("false", False),
    "remote_guard": ("false", False),
    "remote_drain": ('"22s"', 22.0),
}
"""For each key a value as it is written, and as its field gets it; none is the default."""

SSH = SshSettings(
    program="/usr/local/bin/ssh",
    user="mirror",
    port=2222,
    identity="/root/.ssh/far",
    options=("ProxyJump=gate", "Ciphers aes128-ctr"),
    known_hosts="/etc/ssh/far",
    only_known_hosts=True,
    remote_hammer="/opt/sbin/hammer",
    remote_hammerd="/opt/bin/hammerd",
    is_compressed=True,
    is_probed=False,
    is_guarded=False,
    admin_identity="/root/.ssh/admin",
    admin_user="root",
)


def every_key() -> Config:
    """Return the config that sets every key of EVERY_KEY."""
    lines = {name: f"{name} = {written}" for name, (written, _) in EVERY_KEY.items()}
    daemon = [lines[key.name] for key in DAEMON_KEYS if key.name in lines]
    pair = [lines[key.name] for key in PAIR_KEYS if key.name in lines]
    return parse_config("\n".join(["[daemon]", *daemon, "[pairs.far]", *pair, ""]), "test.toml")


def test_every_key_is_written_in_the_test() -> None:
    assert EVERY_KEY.keys() ^ {key.name for key in KEYS} == set()


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_sets_its_field(key: Key) -> None:
    assert key.name in EVERY_KEY, f"write a value for the key {key.name} into EVERY_KEY"
    config = every_key()
    (pair,) = config.pairs
    sections = (config.daemon, pair, pair.options, pair.timing, pair.thresholds, SSH)
    (section,) = (each for each in sections if type(each) is key.model)
    value = EVERY_KEY[key.name][1]
    if key.name == "master":
        value = Endpoint("/pfs/far", SshHost("alpha.example", "root", SSH))

    assert getattr(section, key.field) == value != key.default
    assert pair.master.host == SshHost("alpha.example", "root", SSH)


def test_every_field_has_a_key() -> None:
    by_key = {f"{key.model.__name__}.{key.field}" for key in KEYS}
    by_table = {f"Pair.{name}" for name in ("name", "options", "timing", "thresholds")}
    by_table.add("SshSettings.only_known_hosts")

    assert by_key | by_table == {
        f"{model.__name__}.{field.name}"
        for model in (DaemonConfig, Pair, StreamOptions, Timing, Thresholds, SshSettings)
        for field in fields(model)
    }


def test_key_without_its_field_is_an_error_that_names_both() -> None:
    key = replace(DAEMON_KEYS[0], name="log_fil")

    with pytest.raises(LookupError, match="key log_fil: DaemonConfig has no field log_fil"):
        _ = key.default


NOTIFY = """
[notify]
command = ["/usr/local/libexec/tell", "root"]
level = "critical"
timeout = "1m"
after = 5
repeat_every = "1d"
heartbeat = ["/usr/bin/true"]
heartbeat_every = "1h"

[notify.pager]
command = ["/usr/local/libexec/page"]
level = "warning"
"""


def test_each_table_of_notify_is_a_receiver() -> None:
    assert parse_config(TUTORIAL + NOTIFY, "test.toml").notify == NotifyConfig(
        after=5,
        repeat_every_s=86_400.0,
        heartbeat=("/usr/bin/true",),
        heartbeat_every_s=3600.0,
        receivers=(
            Receiver("notify", ("/usr/local/libexec/tell", "root"), AlarmLevel.CRITICAL, 60.0),
            Receiver("notify.pager", ("/usr/local/libexec/page",), AlarmLevel.WARNING, 60.0),
        ),
    )


def test_without_notify_nobody_is_told() -> None:
    assert parse_config(TUTORIAL, "test.toml").notify == NotifyConfig()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[notify]\n", "notify.command: is missing"),
        ("[notify]\nafter = 3\n", "notify.command: is missing"),
        ("[notify.pager]\nlevel = 'critical'\n", "notify.pager.command: is missing"),
        ("[notify]\ncommand = 'mail root'\n", "must be an array of a path and arguments"),
        ("[notify]\ncommand = []\n", "must be an array of a path and arguments"),
        ("[notify]\ncommand = ['mail']\n", "notify.command: must be an absolute path"),
        ("[notify]\ncommand = ['/m', 3]\n", "notify.command: must be a string"),
        ("[notify]\ncommand = ['/m', 'a\\nb']\n".replace("'", '"'), "notify.command: holds"),
        ("[notify]\ncommand = ['/m']\nafter = 0\n", "notify.after: must be a whole number"),
        ("[notify]\ncommand = ['/m']\nafter = true\n", "notify.after: must be a whole number"),
        ("[notify]\ncommand = ['/m']\nlevel = 'info'\n", "must be one of warning, critical"),
        ("[notify]\ncomand = ['/m']\n", 'did you mean "command"?'),
        ("[notify.pager]\ncommand = ['/m']\nafter = 3\n", "notify.pager.after: is not a key"),
        ("[alarms]\ncommand = ['/m']\n", 'did you mean "notify"?'),
        ("[daemon]\ncommand = ['/m']\n", "command belongs in [notify] or [notify.NAME]"),
        ("[daemon]\nlevel = 'info'\n", 'did you mean "log_level"?'),
    ],
)
def test_fault_of_notify(text: str, fault: str) -> None:
    (found,) = faults_of(TUTORIAL + text)

    assert fault in str(found)


def test_every_field_of_notify_has_a_key() -> None:
    by_key = {f"{key.model.__name__}.{key.field}" for key in NOTIFY_KEYS}

    assert by_key | {"Receiver.name", "NotifyConfig.receivers"} == {
        f"{model.__name__}.{field.name}"
        for model in (NotifyConfig, Receiver)
        for field in fields(model)
    }


def test_a_pair_s_own_value_precedes_the_defaults():
    config = parse_config(
        """
        [defaults]
        master = "/Backup1/pfs/home"
        delay = "2s"
        [pairs.near]
        slave = "/Backup2/pfs/home"
        [pairs.far]
        slave = "beta:/pfs/home"
        delay = "30s"
        """,
        "test.toml",
    )

    assert [pair.options.delay_s for pair in config.pairs] == [2, 30]
    assert {Endpoint("/Backup1/pfs/home")} == {pair.master for pair in config.pairs}


def test_all_faults_of_a_config_are_reported():
    with pytest.raises(ConfigError) as caught:
        parse_config(BAD, "/etc/bad.toml")

    assert str(caught.value) == BAD_SAYS


def test_a_fault_of_the_defaults_is_reported_once_for_all_pairs():
    text = """
    [defaults]
    lag_warning = "1h"
    [pairs.a]
    master = "/m"
    slave = "/a"
    [pairs.b]
    master = "/m"
    slave = "/b"
    """

    assert fault_paths(text) == ["defaults.lag_warning"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[pairs.a\n", "line 1, column 9"),
        ("[pairs.a]\nmaster =", "line 2"),
        ("[pairs.a]\nslave = 'x'\nmaster = x\n", "line 3, column 10"),
        ("[pairs.a]\n[pairs.a]\n", "line 2, column 9"),
        ("x = " + "[" * 5000, "file"),
        ("x = " + "9" * 5000, "file"),
    ],
)
def test_a_text_that_is_no_toml_is_one_fault_with_its_line(text: str, where: str):
    assert [where] == fault_paths(text)


@pytest.mark.parametrize(
    ("text", "what", "got", "hint"),
    [
        (
            "[pairs.a]\nmaster = /Backup1/pfs/a  # here\n",
            "is not TOML: Invalid value",
            "master = /Backup1/pfs/a  # here",
            'write master = "/Backup1/pfs/a"',
        ),
        (
            "[defaults]\n  delay = 5s\n",
            "is not TOML: Expected newline or end of document after a statement",
            "delay = 5s",
            'write delay = "5s"',
        ),
        (
            "[defaults]\nenabled = False\n",
            "is not TOML: Invalid value",
            "enabled = False",
            "write enabled = false",
        ),
        (
            "[pairs.a]\nslave = \u201c/s\u201d\n",
            "is not TOML: Invalid value",
            "slave = \u201c/s\u201d",
            "quotes are straight in TOML; it holds a left double quotation mark (U+201C): "
            'type " instead, a right double quotation mark (U+201D): type " instead',
        ),
        (
            "[pairs.a]\n[pairs.a]\n",
            "is not TOML: Cannot declare ('pairs', 'a') twice",
            "[pairs.a]",
            "a table stands once in a file: join the two",
        ),
    ],
)
def test_a_syntax_error_shows_its_line_and_a_hint(text: str, what: str, got: str, hint: str):
    (fault,) = faults_of(text)

    assert (what, got) == (fault.what, fault.got)
    assert f"{hint}; what comes after it is not checked yet" == fault.hint


def test_bytes_that_are_no_utf_8_are_a_fault_with_their_line():
    with pytest.raises(ConfigError) as caught:
        read_config(b"[pairs.a]\nmaster = '/\xff'\n", "test.toml")

    hint = (
        "in Latin-1 it is a latin small letter y with diaeresis (U+00FF): save the file as UTF-8"
    )
    assert (Fault("line 2", "is not UTF-8", "byte 0xff", hint),) == caught.value.faults


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "pairs"),
        ("[pairs]\n", "pairs"),
        ("pairs = 3\n", "pairs"),
        ("[[pairs]]\nmaster = '/m'\n", "pairs"),
        ("[pairs]\nmaster = '/m'\n", "pairs.master"),
        ("[pairs]\nhome = '/m'\n", "pairs.home"),
        ("daemon = 1\n" + TUTORIAL, "daemon"),
        ("defaults = []\n" + TUTORIAL, "defaults"),
    ],
)
def test_a_value_in_place_of_a_table_is_a_fault(text: str, where: str):
    assert [where] == fault_paths(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (pair_with('stop_timeout = "5s"'), "stop_timeout belongs in [daemon]"),
        (TUTORIAL + "[daemon]\ndelay = '5s'", "delay belongs in [defaults] or [pairs.NAME]"),
        (TUTORIAL + "[pairs.test.two]", 'is it a name? then quote it: [pairs."test.two"]'),
        (pair_with('masster = "/x"'), 'did you mean "master"?'),
        (pair_with('src = "/x"'), 'did you mean "master"?'),
        (pair_with('dest = "/x"'), 'did you mean "slave"?'),
        (pair_with('interval = "5s"'), 'did you mean "delay"?'),
        (TUTORIAL + "[daemon]\ninterval = '5s'", 'did you mean "sample_interval"?'),
        (TUTORIAL + "[daemon]\nlog-file = '/x'", 'did you mean "log_file"?'),
        (TUTORIAL + "[hammerd]", 'did you mean "daemon"?'),
        (TUTORIAL + "[zzz]", "known here: [daemon], [defaults], [notify], [pairs.NAME]"),
    ],
)
def test_a_misplaced_key_has_a_hint_where_it_belongs(text: str, hint: str):
    assert [hint] == [fault.hint for fault in faults_of(text)]


def test_a_misspelt_table_is_checked_under_its_likely_name():
    text = """
    [default]
    delay = 5
    lag_warnin = "5m"
    [pair.test]
    master = "/m"
    [deamon]
    run_dir = "run"
    """

    assert [f"{fault.where}: {fault.what}" for fault in faults_of(text)] == [
        "default: is not a table of hammerd",
        "pair: is not a table of hammerd",
        "deamon: is not a table of hammerd",
        "deamon.run_dir: must be an absolute path",
        "default.delay: needs a unit",
        "default.lag_warnin: is not a key",
        "pair.test.slave: is missing",
    ]


def test_a_pair_outside_of_pairs_has_a_hint():
    faults = faults_of('[home]\nmaster = "/m"\nslave = "s"\n')

    assert [fault.where for fault in faults] == ["home", "home.slave"]
    assert faults[0].hint == "is it a pair? then write [pairs.home]"


def test_a_misspelt_key_is_not_reported_as_missing():
    faults = faults_of('[pairs.a]\nsource = "/m"\ntarget = "/s"\n')

    assert [each.hint for each in faults] == ['did you mean "master"?', 'did you mean "slave"?']


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ('lag_critical = "5m"', "pairs.test.lag_critical"),
        ('lag_warning = "30m"', "pairs.test.lag_warning"),
        ('backoff_max = "0.5s"', "pairs.test.backoff_max"),
        ('stop_grace = "20s"', "pairs.test.stop_grace"),
        ('bulk_after = "30s"', "pairs.test.bulk_after"),
    ],
)
def test_durations_that_contradict_each_other_are_a_fault(line: str, where: str):
    assert [where] == fault_paths(pair_with(line))


def test_two_enabled_pairs_cannot_share_a_slave_even_with_two_users():
    text = """
    [pairs.a]
    master = "/a"
    slave = "root@Beta:/pfs/x"
    [pairs.b]
    master = "/b"
    slave = "beta:/pfs/x/"
    """

    assert fault_paths(text) == ["pairs.b.slave"]
    assert len(parse_config(text + "enabled = false\n", "test.toml").pairs) == 2


def test_a_cascade_is_no_fault():
    text = """
    [pairs.first]
    master = "/a"
    slave = "/b"
    [pairs.second]
    master = "/b"
    slave = "beta:/c"
    """

    assert len(parse_config(text, "test.toml").pairs) == 2


def test_both_endpoints_may_be_remote():
    config = parse_config('[pairs.x]\nmaster = "a:/m"\nslave = "b:/s"\n', "test.toml")

    assert [str(one) for one in (config.pairs[0].master, config.pairs[0].slave)] == [
        "a:/m",
        "b:/s",
    ]


@pytest.mark.parametrize("name", ["a" * 64, ".a", "-a", "ä", "a b", "a/b"])
def test_a_name_outside_the_pattern_is_a_fault(name: str):
    text = f'[pairs."{name}"]\nmaster = "/m"\nslave = "/s"\n'

    assert len(faults_of(text)) == 1


def test_a_run_dir_too_long_for_its_sockets_is_a_fault():
    assert fault_paths(f'[daemon]\nrun_dir = "/{"r" * 91}"\n{TUTORIAL}') == ["daemon.run_dir"]


@given(
    st.text() | st.from_regex(r'(\[(pairs\.a|daemon|defaults|x)\]\n([a-z]{1,6} = ["0-9a-z]+\n)*)*')
)
def test_any_text_is_a_config_or_faults(text: str):
    with suppress(ConfigError):
        parse_config(text, "test.toml")
