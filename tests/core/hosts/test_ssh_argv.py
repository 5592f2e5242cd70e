"""No ssh of hammerd asks, forwards, or hangs for ever, whatever its settings are."""

import subprocess

import pytest

from hammerd.core.hosts.ssh_argv import DEFAULTS, FIXED, SshSettings, ssh_argv
from hammerd.core.hosts.ssh_host import SshHost

SETTINGS = SshSettings(
    program="/usr/bin/ssh",
    port=2222,
    identity="/root/.ssh/100%",
    options=("ConnectTimeout=3", "ProxyJump=gate"),
    known_hosts="/var/db/hammerd/known hosts",
    is_compressed=True,
)


def options_of(argv: tuple[str, ...]) -> list[str]:
    return [argv[index + 1] for index, word in enumerate(argv) if word == "-o"]


def test_fixed_options_come_first_and_the_limits_last() -> None:
    options = options_of(ssh_argv(SETTINGS, "far", "root"))

    own = options.index("ConnectTimeout=3")
    assert options[: len(FIXED)] == list(FIXED)
    assert own < options.index(DEFAULTS[0])
    assert options[own + 2 : own + 2 + len(DEFAULTS)] == list(DEFAULTS)


def test_the_host_is_the_last_word_and_no_option() -> None:
    argv = ssh_argv(SETTINGS, "far", "root")

    assert argv[:2] == ("/usr/bin/ssh", "-T")
    assert argv[-7:] == ("/root/.ssh/100%%", "-p", "2222", "-l", "root", "--", "far")


def test_what_is_not_set_is_left_to_ssh() -> None:
    argv = ssh_argv(SshSettings(), "far", None)

    assert argv[-2:] == ("--", "far")
    assert not {"-p", "-l", "-i", "-C"} & set(argv)
    assert "IdentitiesOnly=yes" not in argv
    assert not any("KnownHosts" in word for word in argv)


def test_own_file_of_host_keys_stands_beside_root_s_or_alone() -> None:
    beside = options_of(ssh_argv(SETTINGS, "far", None))
    alone = options_of(ssh_argv(SshSettings(known_hosts="/k", only_known_hosts=True), "far", None))

    file = 'UserKnownHostsFile="/var/db/hammerd/known hosts"'
    assert f"{file} ~/.ssh/known_hosts ~/.ssh/known_hosts2" in beside
    assert 'UserKnownHostsFile="/k"' in alone


def test_ssh_itself_reads_all_of_it_as_meant() -> None:
    """`ssh -G` prints what the options come to."""
    argv = ssh_argv(SETTINGS, "far", "root")
    try:
        done = subprocess.run(
            [argv[0], "-F", "/dev/null", "-G", *argv[1:]],
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        pytest.skip("no ssh here")
    lines = dict(line.partition(" ")[::2] for line in done.stdout.lower().splitlines())
    wanted = {
        "hostname": "far",
        "user": "root",
        "port": "2222",
        "batchmode": "yes",
        "stricthostkeychecking": "true",
        "controlmaster": "false",
        "clearallforwardings": "yes",
        "connecttimeout": "3",
        "serveraliveinterval": "5",
        "serveralivecountmax": "3",
        "requesttty": "false",
        "identitiesonly": "yes",
        "compression": "yes",
        "proxyjump": "gate",
    }
    assert {name: lines.get(name) for name in wanted} == wanted


def test_remote_command_is_one_word_with_single_blanks() -> None:
    host = SshHost("far", settings=SshSettings(remote_hammer="/sbin/hammer"))

    argv = host.command("/here/hammer", ("pfs-status", "/a", "/b"))
    assert argv[-2:] == ("far", "/sbin/hammer pfs-status /a /b")


def test_user_of_an_endpoint_precedes_the_configured_one() -> None:
    ssh = SshSettings(user="mirror")

    assert SshHost("far").reached_by(ssh).login == "mirror@far"
    assert SshHost("far", "root").reached_by(ssh).login == "root@far"


def test_host_is_the_same_however_it_is_reached() -> None:
    assert SshHost("Far", "root", SETTINGS).key == SshHost("far").key
