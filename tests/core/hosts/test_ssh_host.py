"""A host over ssh, and the second key with which a person changes it."""

from itertools import pairwise

from hammerd.core.hosts.host import THIS_HOST
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.hosts.ssh_host import SshHost

MIRROR = SshSettings(user="mirror", identity="/k/mirror")


def test_host_without_a_second_key_is_not_administered() -> None:
    assert SshHost("far", "mirror", MIRROR).administered is None
    assert THIS_HOST.administered == THIS_HOST


def test_second_key_replaces_the_first_one_in_the_login() -> None:
    settings = SshSettings("ssh", identity="/k/mirror", admin_identity="/k/a", admin_user="root")
    administered = SshHost("far", "mirror", settings).administered

    assert administered is not None
    argv = administered.program(("mkdir", "-p", "/Backup2/pfs"))
    assert argv[-3:] == ("--", "far", "mkdir -p /Backup2/pfs")
    assert ("-i", "/k/a") in pairwise(argv)
    assert ("-l", "root") in pairwise(argv)
    assert "/k/mirror" not in argv
    assert administered.key == "far"


def test_second_key_logs_in_as_the_same_user_if_no_other_is_named() -> None:
    settings = SshSettings(identity="/k/mirror", admin_identity="/k/a")
    administered = SshHost("far", "mirror", settings).administered

    assert administered is not None
    assert administered.login == "mirror@far"
