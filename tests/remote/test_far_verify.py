"""hammerd verify reads a far end over there; a restricted key allows that and no more."""

import shlex
import subprocess
import sys
from pathlib import Path

from hammerd.core.exit_codes import Exit
from hammerd.core.hosts.forced_command import FarEndpoint, RemotePrograms, forced_command
from hammerd.simulator import admin
from tests import hammerd_program
from tests.hammerd_program import HAMMERD
from tests.remote.remote_world import RemoteWorld


def test_a_far_slave_is_compared_by_digests(remote: RemoteWorld) -> None:
    near, disks, sshd = remote.near, remote.far.disks, remote.far.sshd
    for world in (near, disks):
        for number in (1, 2):
            admin.set_knob(world.fs(number), "as_of", 4)
    ends = remote.push_pair("push")
    near.write("file", "pushed\n" * 20_000, "push")
    _copy(remote, *ends)
    hammerd = disks.root / "bin/hammerd"
    words = shlex.join([sys.executable, *HAMMERD[1:]])
    hammerd.write_text(f'#!/bin/sh\ncd {Path.cwd()}\nexec {words} "$@"\n')
    hammerd.chmod(0o755)
    programs = RemotePrograms(str(disks.hammer), str(hammerd))
    more = {"remote_hammer": programs.hammer, "remote_hammerd": programs.hammerd}
    path = ends[1].partition(":")[2]

    def verify(key_for: str) -> tuple[int, str]:
        forced = forced_command("me", programs, [FarEndpoint(key_for, is_slave=True)])
        key = sshd.root / f"key{hash(key_for)}"
        if not key.exists():
            sshd.allow(key.name, forced)
        keys = {"push": {**remote.far.keys(key), **more}}
        argv = [*HAMMERD, "verify", "push", "-c", str(near.configure({"push": ends}, keys))]
        done = hammerd_program.run(argv, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    code, output = verify(path)
    assert (code, output[:11]) == (Exit.OK, "push: equal"), output
    code, output = verify(f"{path}2")
    assert (code, "hammer-remote: this key allows only" in output) == (Exit.UNAVAILABLE, True)

    admin.damage_slave(Path(path), "file", "byte")
    code, output = verify(path)
    assert (code, "file: content differs" in output) == (Exit.FAILURE, True), output


def _copy(remote: RemoteWorld, master: Path, slave: str) -> None:
    rsh = remote.near.root / "rsh"
    # hammer says -l, the user and the host where the lab's words end with the host.
    rsh.write_text(f'#!/bin/sh\nshift 3\nexec {shlex.join(remote.far.sshd.ssh())} "$@"\n')
    rsh.chmod(0o755)
    words = ["env", f"HAMMER_RSH={rsh}", remote.near.hammer, "mirror-copy", master, slave]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert "succeeded" in done.stderr, done.stderr
