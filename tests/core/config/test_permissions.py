"""A daemon of root trusts a config only if nobody else can change it."""

import pytest

from hammerd.core.config.permissions import PathPermissions, permission_faults

USER = 1001
MOVE = "move the config to a directory that only root can write to, like /usr/local/etc"
WHEEL = 0


@pytest.mark.parametrize(
    "found",
    [
        PathPermissions("/etc/h.toml", 0, 0, 0o100644),
        PathPermissions("/etc/h.toml", 0, USER, 0o100640),
        PathPermissions("/etc/h.toml", 0, WHEEL, 0o100664),
        PathPermissions("/etc", 0, 0, 0o040755, is_directory=True),
        PathPermissions("/tmp", 0, 0, 0o041777, is_directory=True),
    ],
)
def test_a_config_that_only_root_can_change_is_trusted(found: PathPermissions) -> None:
    assert permission_faults([found], euid=0) == ()


@pytest.mark.parametrize(
    ("found", "fault"),
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
def test_a_config_that_others_can_change_is_not_trusted(
    found: PathPermissions, fault: str
) -> None:
    assert [fault] == [str(each) for each in permission_faults([found], euid=0)]


def test_the_hint_changes_the_owner_of_a_link_and_not_of_its_target() -> None:
    (fault,) = permission_faults(
        [PathPermissions("/etc/h.toml", USER, 0, 0, is_link=True)], euid=0
    )

    assert '"chown -h root /etc/h.toml"' in fault.hint


def test_no_hint_gives_a_persons_home_to_root() -> None:
    home = PathPermissions("/home/u", USER, USER, 0o040777, is_directory=True)

    assert [fault.hint for fault in permission_faults([home], euid=0)] == [
        f"who owns it can change what root runs: {MOVE}",
        f"they could change what root runs: {MOVE}",
    ]


def test_all_faults_are_reported_at_once() -> None:
    paths = [
        PathPermissions("/home/u/h.toml", USER, USER, 0o100666),
        PathPermissions("/home/u", USER, USER, 0o040775, is_directory=True),
    ]

    assert [fault.where for fault in permission_faults(paths, euid=0)] == [
        *("file", "file"),
        *("directory", "directory"),
    ]


def test_a_process_of_another_user_trusts_any_config() -> None:
    assert (
        permission_faults([PathPermissions("/home/u/h.toml", 1002, 1002, 0o100666)], euid=USER)
        == ()
    )
