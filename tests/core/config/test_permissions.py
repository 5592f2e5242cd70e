"""Whom root takes a config from."""

import pytest

from hammerd.core.config.permissions import PathPermissions, permission_faults

USER = 1001
MOVE = "move the config to a directory that only root can write to, like /usr/local/etc"
WHEEL = 0


@pytest.mark.parametrize(
    "standing",
    [
        PathPermissions("/etc/h.toml", 0, 0, 0o100644),
        PathPermissions("/etc/h.toml", 0, USER, 0o100640),
        PathPermissions("/etc/h.toml", 0, WHEEL, 0o100664),
        PathPermissions("/etc", 0, 0, 0o040755, is_directory=True),
        PathPermissions("/tmp", 0, 0, 0o041777, is_directory=True),
    ],
)
def test_what_only_root_can_change_is_trusted(standing: PathPermissions) -> None:
    assert permission_faults([standing], euid=0) == ()


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (
            PathPermissions("/home/u/h.toml", USER, 0, 0o100644),
            "file: /home/u/h.toml is not root's (got uid 1001)\n"
            '    hint: who owns it can change what root runs: "chown root /home/u/h.toml"',
        ),
        (
            PathPermissions("/etc/h.toml", 0, 0, 0o100646),
            "file: everybody may write to /etc/h.toml (got mode 0646)\n"
            '    hint: they could change what root runs: "chmod go-w /etc/h.toml"',
        ),
        (
            PathPermissions("/etc/h.toml", 0, 5, 0o100664),
            "file: group 5 may write to /etc/h.toml (got mode 0664)\n"
            '    hint: they could change what root runs: "chmod go-w /etc/h.toml"',
        ),
        (
            PathPermissions("/etc", 0, 0, 0o040777, is_directory=True),
            "directory: everybody may write to /etc (got mode 0777)\n"
            '    hint: they could change what root runs: "chmod go-w /etc"',
        ),
        (
            PathPermissions("/tmp", USER, 0, 0o041777, is_directory=True),
            "directory: /tmp is not root's (got uid 1001)\n"
            f"    hint: who owns it can change what root runs: {MOVE}",
        ),
    ],
)
def test_what_others_can_change_is_not(standing: PathPermissions, said: str) -> None:
    assert [said] == [str(fault) for fault in permission_faults([standing], euid=0)]


def test_a_link_is_given_to_root_and_not_what_it_leads_to() -> None:
    (fault,) = permission_faults(
        [PathPermissions("/etc/h.toml", USER, 0, 0, is_link=True)], euid=0
    )

    assert '"chown -h root /etc/h.toml"' in fault.hint


def test_nobody_is_told_to_give_root_a_person_s_home() -> None:
    home = PathPermissions("/home/u", USER, USER, 0o040777, is_directory=True)

    assert [fault.hint for fault in permission_faults([home], euid=0)] == [
        f"who owns it can change what root runs: {MOVE}",
        f"they could change what root runs: {MOVE}",
    ]


def test_all_that_is_wrong_is_told_at_once() -> None:
    standings = [
        PathPermissions("/home/u/h.toml", USER, USER, 0o100666),
        PathPermissions("/home/u", USER, USER, 0o040775, is_directory=True),
    ]

    assert [fault.where for fault in permission_faults(standings, euid=0)] == [
        *("file", "file"),
        *("directory", "directory"),
    ]


def test_who_is_not_root_gives_nobody_any_power() -> None:
    assert (
        permission_faults([PathPermissions("/home/u/h.toml", 1002, 1002, 0o100666)], euid=USER)
        == ()
    )
