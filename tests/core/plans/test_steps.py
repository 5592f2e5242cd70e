import pytest

from hammerd.core.hosts.host import THIS_HOST
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint
from hammerd.core.plans import steps

MASTER, SLAVE = Endpoint("/Backup1/test"), Endpoint("/Backup2/pfs/test")


@pytest.mark.parametrize(
    ("action", "lines"),
    [
        (steps.Command(("ln", "-s", "/a b", "/c")), ("ln -s '/a b' /c",)),
        (
            steps.Command(("hammer", "pfs-destroy", "/a"), answers="y\ny\n"),
            ("printf 'y\\ny\\n' | hammer pfs-destroy /a",),
        ),
        (steps.Copy(MASTER, SLAVE), ("hammer -vv mirror-copy /Backup1/test /Backup2/pfs/test",)),
        (
            steps.WriteFile("/etc/fstab", "text", ("+ a line",), None),
            ("edit /etc/fstab:", "  + a line"),
        ),
        (
            steps.Command(("ls",), retry=steps.Retry("busy", ("sync", "a b"))),
            ("ls", "# after \"busy\": sync 'a b', and again"),
        ),
        (steps.EndGroup(4711), ("kill -TERM -- -4711",)),
        (steps.Release(), ("release home",)),
        (steps.ReloadDaemon(), ("hammerd reload",)),
    ],
)
def test_action_is_shown_as_a_person_would_type_it(
    action: steps.Action, lines: tuple[str, ...]
) -> None:
    assert steps.shown(action, "home") == lines


def test_command_with_answers_is_one_that_a_shell_runs_as_shown() -> None:
    import subprocess

    action = steps.Command(("cat",), answers="y\nyes 'x'\n")
    (line,) = steps.shown(action, "home")

    assert subprocess.check_output(["/bin/sh", "-c", line], text=True) == action.answers


def test_only_commands_happen_on_another_host() -> None:
    far = SshHost("office")
    ours = (
        steps.Copy(MASTER, SLAVE),
        steps.WriteFile("/etc/fstab", "", (), None),
        steps.Hold(),
        steps.KeepHeld(),
        steps.Release(),
        steps.ReloadDaemon(),
        steps.Compare(MASTER, SLAVE),
        steps.EndGroup(4711),
    )

    assert steps.host_of(steps.Command(("ls",), far)) == far
    assert {steps.host_of(action) for action in ours} == {THIS_HOST}
