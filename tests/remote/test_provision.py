"""hammerd provision of a pair whose slave is on another host, over a real sshd."""

import os
import subprocess

from hammerd.core.exit_codes import Exit
from tests import hammerd_program
from tests.hammerd_program import HAMMERD
from tests.remote.remote_world import RemoteWorld
from tests.waiting import DEADLINE_S

STEPS_OF_A_PERSON = "to do on "


def provision(remote: RemoteWorld, slave: str, **keys: object) -> subprocess.CompletedProcess[str]:
    near = remote.near
    master = near.fs(1) / "pfs/test"
    all_keys = {**remote.far.keys(), **keys}
    config = near.configure({"test": (master, remote.far.place(slave))}, {"test": all_keys})
    return hammerd_program.run(
        [*HAMMERD, "provision", "test", "-c", str(config)],
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=DEADLINE_S,
        check=False,
    )


def assert_mirrored(remote: RemoteWorld, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert "nothing is left to do" in done.stdout
    assert os.listdir(remote.far.disks.fs(2) / "pfs/test") == []


def test_steps_of_another_host_are_printed_for_a_person(remote: RemoteWorld) -> None:
    slave = f"{remote.far.disks.fs(2)}/pfs/test"

    done = provision(remote, slave)

    assert done.returncode == Exit.TEMPORARY, done.stdout + done.stderr
    steps = done.stdout.partition(STEPS_OF_A_PERSON)[2].splitlines()[1:]
    assert len(steps) == 2
    env = {**os.environ, "PATH": f"{remote.far.disks.root}/bin:/usr/bin:/bin"}
    for step in steps:
        subprocess.run(["/bin/sh", "-c", step.strip()], env=env, check=True, capture_output=True)
    assert_mirrored(remote, provision(remote, slave))


def test_second_key_runs_the_steps_over_there(remote: RemoteWorld) -> None:
    only_hammer = (
        'case "$SSH_ORIGINAL_COMMAND" in hammer*) exec $SSH_ORIGINAL_COMMAND ;; esac; exit 1'
    )
    restricted = remote.far.sshd.allow("restricted", only_hammer)
    short = remote.far.disks.fs(2) / "test"

    done = provision(
        remote,
        str(short),
        ssh_identity=str(restricted),
        ssh_admin_identity=str(remote.far.sshd.identity),
    )

    assert_mirrored(remote, done)
    assert short.readlink() == remote.far.disks.fs(2) / "pfs/test"
