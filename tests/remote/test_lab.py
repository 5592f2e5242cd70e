"""The far hosts of the tests: a real sshd, restricted keys, a cable that can be cut."""

import shlex
import subprocess
from pathlib import Path

import psutil

from tests.remote.netns import a_network
from tests.remote.remote_world import RemoteWorld, a_remote_world
from tests.remote.sshd import Sshd
from tests.waiting import until


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)


def test_key_runs_the_far_programs_and_a_restricted_key_only_some(remote: RemoteWorld) -> None:
    sshd = remote.far.sshd
    master = remote.far.disks.make_master()
    forced = f"hammer ssh-remote mirror-read,pfs-status {master}"
    restricted = sshd.allow("restricted", forced, "restrict")

    assert f"{master}\tPFS#1 {{" in run(*sshd.ssh(), "hammer", "pfs-status", master).stdout
    assert run(*sshd.ssh(restricted), "hammer", "pfs-status", master).returncode == 0
    refused = run(*sshd.ssh(restricted), "hammer", "mirror-write", master)
    assert "request does not match restricted command" in refused.stderr


def test_hammer_alone_mirrors_both_ways(remote: RemoteWorld) -> None:
    near, sshd = remote.near, remote.far.sshd
    rsh = near.root / "rsh"
    # hammer says -l, the user and the host where the lab's words end with the host.
    rsh.write_text(f'#!/bin/sh\nshift 3\nexec {shlex.join(sshd.ssh())} "$@"\n')
    rsh.chmod(0o755)
    push, pull = remote.push_pair("push"), remote.pull_pair("pull")
    near.write("file", "pushed\n", "push")
    remote.far.disks.write("file", "pulled\n", "pull")

    for ends in (push, pull):
        run("env", f"HAMMER_RSH={rsh}", near.hammer, "mirror-copy", *ends)

    assert (remote.far.disks.fs(2) / "pfs/push/file").read_text() == "pushed\n"
    assert (pull[1] / "file").read_text() == "pulled\n"


def test_stopped_sshd_ends_its_sessions_and_a_started_one_listens_there_again(
    remote: RemoteWorld,
) -> None:
    sshd = remote.far.sshd
    with subprocess.Popen([*sshd.ssh(), "sleep 1000"], stderr=subprocess.PIPE, text=True) as ssh:
        until(lambda: any("sleep" in each.name() for each in sshd.processes()), "it sleeps")
        sshd.stop()
        assert ssh.wait() == 255
    assert "refused" in run(*sshd.ssh(), "true").stderr

    sshd.start()
    assert run(*sshd.ssh(), "true").returncode == 0
    sshd.make_host_key()
    assert "Host key verification failed" in run(*sshd.ssh(), "true").stderr


def test_sshd_ends_with_the_process_that_started_it(remote: RemoteWorld) -> None:
    sshd = remote.far.sshd
    listener = psutil.Process(sshd.pid)
    assert sshd.keeper
    assert sshd.keeper.stdin
    sshd.keeper.stdin.close()

    until(lambda: not listener.is_running(), "sshd has ended")
    sshd.keeper.stdin = None


def test_cut_cable_is_silent_and_a_mended_one_goes_on() -> None:
    with a_network() as network, a_remote_world() as world:
        far, cable = network.far[0], network.cables[0]
        sshd: Sshd = world.add_host("far", far.address, far.under).sshd
        near = network.near.under
        assert run(*near, *sshd.ssh(), "echo", "here").stdout == "here\n"

        cable.cut()
        assert "timed out" in run(*near, *sshd.ssh(connect_timeout_s=1), "true").stderr

        cable.mend()
        cable.delay_s, cable.loss = 0.01, 0.05
        assert run(*near, *sshd.ssh(), "true").returncode == 0
        assert cable.lost > 0
    assert not Path(f"/proc/{network.near.pid}").exists()
