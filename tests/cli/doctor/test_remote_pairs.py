"""`hammerd doctor` names the fault of a broken way to another host in its first bad line.

The other host is a real sshd on the loopback, with simulated file systems of its own.
"""

import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hammerd.cli.doctor.system import machine
from hammerd.cli.main import main
from hammerd.core.hosts.forced_command import FarEndpoint, RemotePrograms, forced_command
from tests.cli.doctor.far_patient import FarPatient
from tests.daemon.rights import ROOT_ONLY
from tests.remote.ports import closed_port, silent_port
from tests.remote.remote_world import RemoteWorld, a_remote_world


@pytest.fixture(scope="module")
def world() -> Iterator[RemoteWorld]:
    with a_remote_world() as world:
        world.add_host()
        yield world


@pytest.fixture(scope="module")
def push(world: RemoteWorld) -> tuple[Path, str]:
    return world.push_pair("push")


@pytest.fixture(scope="module")
def pull(world: RemoteWorld) -> tuple[str, Path]:
    return world.pull_pair("pull")


@pytest.fixture
def patient(
    world: RemoteWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> FarPatient:
    found = FarPatient(world, capsys)
    monkeypatch.setattr(machine, "FILES_HERE", found.files(world.near.root))
    monkeypatch.setattr(machine, "FILES_THERE", found.files(world.far.disks.root))
    return found


HOST = ("ssh", "rsh", "identity", "name", "port", "host_key", "login")


def test_nothing_is_bad_where_all_is_well(patient: FarPatient, push: tuple[Path, str]):
    found = patient.examine(*push)

    assert (found.code, found.bad, found.not_tried) == (0, [], [])
    labels = [found.label(line) for line in found.lines]
    assert labels[: 1 + len(HOST)] == ["hammer", *HOST]
    assert [label for label in labels if label.startswith("slave ")] == [
        *("slave key", "slave hammer", "slave mount", "slave path", "slave pfs", "slave space"),
        *("slave fstab", "slave crontab"),
    ]
    assert labels[-3:] == ["dmesg", "clock", "dmesg"]


@pytest.mark.parametrize("way", ["push", "pull"])
def test_a_key_that_authorized_keys_restricts_is_well(
    patient: FarPatient, way: str, push: tuple[Path, str], pull: tuple[str, Path]
):
    ends = push if way == "push" else pull
    key = patient.allow_as_printed(f"printed-{way}", ends)

    found = patient.examine(*ends, **key)

    assert found.bad == []
    end = "slave" if way == "push" else "master"
    assert found.line(f"{end} key")["outcome"] == "ok"
    assert found.line(f"{end} pfs")["outcome"] == "ok"
    assert "clock" in found.not_tried


# --- this machine ----------------------------------------------------------------------------


def test_a_missing_ssh_is_named(patient: FarPatient, push: tuple[Path, str]):
    found = patient.examine(*push, ssh="/none/ssh")

    assert found.bad == ["ssh"]
    assert found.first_bad["what"] == "cannot start /none/ssh: No such file or directory"
    assert {"login", "slave host", "slave pfs", "role"} <= set(found.not_tried)
    assert found.line("master pfs")["outcome"] == "ok"


def test_an_option_that_ssh_does_not_know_is_named(patient: FarPatient, push: tuple[Path, str]):
    found = patient.examine(*push, ssh_options=["NoSuchOption=1"])

    assert found.bad == ["ssh"]


def test_a_missing_hammerd_rsh_is_named(
    patient: FarPatient, push: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hammerd.daemon.process.rsh_program.NAME", "no-hammerd-rsh")

    found = patient.examine(*push)

    assert found.bad == ["rsh"]
    assert "no-hammerd-rsh is not there" in str(found.first_bad["what"])


def test_a_missing_identity_is_named(patient: FarPatient, push: tuple[Path, str]):
    found = patient.examine(*push, ssh_identity="/none/my key")

    assert found.bad == ["identity"]
    assert found.first_bad["what"] == "/none/my key is not there"
    assert "ssh-keygen -t ed25519 -N '' -f '/none/my key'" in str(found.first_bad["hint"])


def test_an_identity_that_others_may_read_is_named(patient: FarPatient, push: tuple[Path, str]):
    key = patient.far.sshd.root / "open"
    shutil.copy(patient.far.sshd.identity, key)
    key.chmod(0o644)

    found = patient.examine(*push, ssh_identity=str(key))

    assert found.bad == ["identity"]
    assert found.first_bad["hint"] == f'"chmod 600 {key}"'


@ROOT_ONLY
def test_a_key_of_another_user_is_named(patient: FarPatient, push: tuple[Path, str]):
    key = patient.far.sshd.root / "given-away"
    shutil.copy(patient.far.sshd.identity, key)
    os.chown(key, 65534, -1)
    key.chmod(0o600)

    found = patient.examine(*push, ssh_identity=str(key))

    assert found.bad == ["identity"]
    assert "belongs to uid 65534" in str(found.first_bad["what"])


def test_a_public_key_as_identity_is_named(patient: FarPatient, push: tuple[Path, str]):
    key = patient.far.sshd.identity.with_suffix(".pub")

    found = patient.examine(*push, ssh_identity=str(key))

    assert found.bad == ["identity"]
    assert "is no private key" in str(found.first_bad["what"])
    assert found.first_bad["hint"] == f'write ssh_identity = "{patient.far.sshd.identity}"'


# --- the network -----------------------------------------------------------------------------


def test_a_name_that_does_not_resolve_is_named(patient: FarPatient, push: tuple[Path, str]):
    found = patient.examine(push[0], "root@no-such-host.invalid:/pfs/a")

    assert found.bad == ["name"]
    assert "no-such-host.invalid does not resolve" in str(found.first_bad["what"])


def test_a_closed_port_is_named(patient: FarPatient, push: tuple[Path, str]):
    with closed_port() as port:
        found = patient.examine(*push, ssh_port=port)

    assert found.bad == ["port"]
    assert found.first_bad["what"] == f"port {port}: Connection refused"
    # The end on this host is tried, and of the other one nothing is told but why.
    assert found.line("master fstab")["outcome"] == "ok"
    assert found.line("slave fstab")["what"] == "see slave host"
    assert found.line("slave crontab")["what"] == "see slave host"


def test_a_port_of_another_program_is_named(patient: FarPatient, push: tuple[Path, str]):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=greet, args=(listening,))
        thread.start()
        found = patient.examine(*push, ssh_port=listening.getsockname()[1])
        thread.join()

    assert found.bad == ["port"]
    assert str(found.first_bad["what"]).endswith("is no sshd: 220 mail.example ready")


def greet(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.sendall(b"220 mail.example ready\r\n")


def test_a_silent_port_is_named(
    patient: FarPatient, push: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hammerd.cli.doctor.ssh.ssh_way.CONNECT_TIMEOUT_S", 0.5)
    with silent_port() as port:
        found = patient.examine(*push, ssh_port=port)

    assert found.bad == ["port"]


def test_name_and_port_are_not_tried_through_a_proxy(patient: FarPatient, push: tuple[Path, str]):
    found = patient.examine(*push, ssh_options=["ProxyCommand=false"])

    assert found.bad == ["login"]
    assert found.line("port")["what"] == "ssh goes through proxycommand false"


def test_an_unknown_host_on_the_way_is_named(patient: FarPatient, push: tuple[Path, str]):
    """A stand-in for ssh says what the ssh of a ProxyJump says of an unknown host."""
    ssh = patient.far.sshd.root / "jumping-ssh"
    settings = f"hostname {patient.far.sshd.address}\nport 22\nproxyjump gate.example:2222"
    ssh.write_text(
        f"#!/bin/sh\n[ $1 = -G ] && echo '{settings}' && exit\n"
        "echo Host key verification failed. >&2; exit 255\n"
    )
    ssh.chmod(0o755)

    found = patient.examine(*push, ssh=str(ssh))

    assert found.bad == ["host_key"]
    assert '"ssh ssh://gate.example:2222 true" must work' in str(found.first_bad["hint"])


# --- the login -------------------------------------------------------------------------------


def test_an_unknown_host_key_is_named(patient: FarPatient, push: tuple[Path, str]):
    known_hosts = patient.far.sshd.root / "empty"
    known_hosts.touch()

    found = patient.examine(*push, ssh_known_hosts=str(known_hosts))

    assert found.bad == ["host_key"]
    assert f"hammerd reads {known_hosts}" in str(found.first_bad["what"])
    hint = str(found.first_bad["hint"])
    assert patient.fingerprint() in hint
    assert f"ssh-keyscan -p {patient.far.sshd.port} 127.0.0.1 >> {known_hosts}" in hint
    assert "login" in found.not_tried


def test_the_directory_of_known_hosts_is_made_where_it_is_missing(
    patient: FarPatient, push: tuple[Path, str]
):
    directory = patient.far.sshd.root / "missing"

    found = patient.examine(*push, ssh_known_hosts=f"{directory}/known_hosts")

    assert f'"mkdir -p {directory} && ssh-keyscan ' in str(found.first_bad["hint"])


def test_a_changed_host_key_is_named(patient: FarPatient, push: tuple[Path, str]):
    known_hosts = patient.far.sshd.root / "changed"
    other = patient.far.sshd.identity.with_suffix(".pub").read_text().split()
    place = f"[127.0.0.1]:{patient.far.sshd.port}"
    known_hosts.write_text(f"{place} {other[0]} {other[1]}\n")

    found = patient.examine(*push, ssh_known_hosts=str(known_hosts))

    assert found.bad == ["host_key"]
    assert found.first_bad["what"] == (
        f"the host shows another key than {known_hosts}, line 1, has"
    )
    assert f"ssh-keygen -R '{place}' -f {known_hosts}" in str(found.first_bad["hint"])


def test_a_refused_key_is_named(patient: FarPatient, push: tuple[Path, str]):
    key = patient.far.sshd.root / "strange"
    patient.make_key(key)

    found = patient.examine(*push, ssh_identity=str(key))

    assert found.bad == ["login"]
    assert str(found.first_bad["what"]).startswith("login_refused: ")
    assert str(found.first_bad["hint"]).startswith(f"put {key}.pub")
    assert found.line("host_key")["outcome"] == "ok"


def test_a_login_without_a_shell_is_named(patient: FarPatient, push: tuple[Path, str]):
    key = patient.far.sshd.allow("nologin", "echo This account is currently not available.; false")

    found = patient.examine(*push, ssh_identity=str(key))

    assert found.bad == ["login"]
    assert "has no shell there" in str(found.first_bad["hint"])
    assert "@127.0.0.1" in str(found.first_bad["hint"])


def test_a_login_that_prints_on_stdout_is_named(patient: FarPatient, push: tuple[Path, str]):
    noisy = patient.far.sshd.allow("noisy", 'echo Welcome; eval "$SSH_ORIGINAL_COMMAND"')

    found = patient.examine(*push, ssh_identity=str(noisy))

    assert found.bad == ["login"]
    assert found.first_bad["what"] == "the login prints on stdout: Welcome"


def test_a_login_that_hangs_is_named(
    patient: FarPatient, push: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(machine, "LOGIN_TIMEOUT_S", 2.0)
    hanging = patient.far.sshd.allow("hanging", "sleep 1000")

    found = patient.examine(*push, ssh_identity=str(hanging))

    assert found.bad == ["login"]
    assert "does not come back" in str(found.first_bad["what"])


def test_a_frozen_sshd_is_named(
    patient: FarPatient, push: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hammerd.cli.doctor.ssh.ssh_way.CONNECT_TIMEOUT_S", 0.5)
    patient.far.sshd.signal_all(signal.SIGSTOP)
    try:
        found = patient.examine(*push)
    finally:
        patient.far.sshd.signal_all(signal.SIGCONT)

    assert found.bad == ["port"]
    assert "timed out" in str(found.first_bad["what"])


def test_clocks_apart_are_named(patient: FarPatient, push: tuple[Path, str]):
    with patient.far_program("date", "echo $(($(/bin/date +%s) - 3600))"):
        found = patient.examine(*push)

    assert found.bad == ["clock"]
    assert "s behind this host's" in str(found.first_bad["what"])
    assert found.line("slave pfs")["outcome"] == "ok"


# --- what the key may do ---------------------------------------------------------------------


def test_a_key_for_another_verb_is_named(patient: FarPatient, push: tuple[Path, str]):
    key = patient.allow_ssh_remote("verb", "mirror-read,pfs-status", patient.far_path(push))

    found = patient.examine(*push, ssh_identity=str(key))

    assert found.bad == ["slave key"]
    assert found.first_bad["what"] == "is restricted to other commands than mirror-write"


def test_a_key_for_another_path_is_named(patient: FarPatient, push: tuple[Path, str]):
    key = patient.allow_ssh_remote("path", "mirror-write,pfs-status", "/pfs/other")

    found = patient.examine(*push, ssh_identity=str(key))

    assert found.bad == ["slave key"]
    assert "is restricted to another path than" in str(found.first_bad["what"])


@pytest.mark.parametrize("way", ["push", "pull"])
def test_a_key_whose_prefix_allows_a_neighbour_is_named(
    patient: FarPatient, way: str, push: tuple[Path, str], pull: tuple[str, Path]
):
    ends = push if way == "push" else pull
    verbs = "mirror-write,mirror-read-stream,pfs-status"
    key = patient.allow_ssh_remote(f"prefix-{way}", verbs, patient.far_path(ends))

    found = patient.examine(*ends, ssh_identity=str(key))

    end = "slave" if way == "push" else "master"
    assert found.bad == [f"{end} neighbours"]
    assert "allows neighbours of" in str(found.first_bad["what"])
    # The key is too wide, and the mirror works.
    assert found.line("role")["outcome"] == "ok"


def test_a_key_for_a_whole_directory_is_well(patient: FarPatient, push: tuple[Path, str]):
    directory = f"{Path(patient.far_path(push)).parent}/"
    key = patient.allow_ssh_remote("directory", "mirror-write,pfs-status", directory)

    found = patient.examine(*push, ssh_identity=str(key))

    assert found.bad == []
    assert found.line("slave neighbours")["what"] == f"the key allows all of {directory}"


def test_a_forced_command_that_refuses_neighbours_is_well(
    patient: FarPatient, push: tuple[Path, str]
):
    refuse = "echo hammer: hammer-remote: restricted target >&2; exit 1"
    exact = f'case "$SSH_ORIGINAL_COMMAND" in *{patient.far_path(push)}) ;; *) {refuse};; esac'
    key = patient.far.sshd.allow("exact", f'{exact}; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"')

    found = patient.examine(*push, ssh_identity=str(key))

    assert found.bad == []
    assert found.line("slave neighbours")["outcome"] == "ok"


@pytest.mark.parametrize(
    ("path", "is_slave"), [("/pfs/other", True), ("of the pair", False)], ids=["path", "verb"]
)
def test_a_key_of_authorized_keys_for_something_else_is_named(
    patient: FarPatient, push: tuple[Path, str], path: str, is_slave: bool
):
    served = FarEndpoint(path if is_slave else patient.far_path(push), is_slave)
    command = forced_command("me", RemotePrograms(str(patient.far.disks.hammer)), [served])
    key = patient.far.sshd.allow(f"else-{is_slave}", command, "restrict")

    found = patient.examine(*push, ssh_identity=str(key))

    assert found.bad == ["slave key"]
    assert str(found.first_bad["what"]).startswith("allows only mirror-")
    assert "hammerd authorized-keys" in str(found.first_bad["hint"])


# --- the end over there ----------------------------------------------------------------------


def test_a_missing_remote_hammer_is_named(patient: FarPatient, push: tuple[Path, str]):
    found = patient.examine(*push, remote_hammer="/none/hammer")

    assert found.bad == ["slave hammer"]
    assert str(found.first_bad["what"]).startswith("remote_hammer_missing: ")
    assert "@127.0.0.1 does not find hammer" in str(found.first_bad["hint"])


def test_a_missing_remote_path_is_named(patient: FarPatient, push: tuple[Path, str]):
    found = patient.examine(push[0], f"{push[1]}-typo")

    assert found.bad == ["slave path"]
    assert found.first_bad["what"] == "path_missing"


def test_a_wrong_remote_role_is_named(patient: FarPatient, world: RemoteWorld):
    master, slave = world.push_pair("role")
    patient.far.disks.run_hammer("pfs-upgrade", patient.far_path((master, slave)))

    found = patient.examine(master, slave)

    assert found.bad == ["role"]
    assert found.first_bad["what"] == "not_a_slave"


def test_another_uuid_over_there_is_named(patient: FarPatient, push: tuple[Path, str]):
    other = patient.world.near.make_master("other")

    found = patient.examine(other, push[1])

    assert found.bad == ["shared_uuid"]


def test_a_full_disk_over_there_is_named(patient: FarPatient, push: tuple[Path, str]):
    table = "Filesystem 1K-blocks Used Avail Capacity Mounted on\\nB2 1000 999 1 100%% /Backup2"
    with patient.far_program("df", f"printf '{table}\\n'"):
        found = patient.examine(*push)

    assert found.bad == ["slave space"]


def test_a_forgotten_crontab_over_there_is_named(patient: FarPatient, pull: tuple[str, Path]):
    line = f"@reboot hammer mirror-stream {patient.far_path(pull)} root@here:{pull[1]}"
    with patient.far_file("crontab", f"{line}\n"):
        found = patient.examine(*pull)

    assert found.bad == ["master crontab"]


def test_a_missing_line_of_fstab_over_there_is_named(patient: FarPatient, push: tuple[Path, str]):
    with patient.far_file("mount", f"B2 on {patient.far.disks.fs(2)} (hammer, local)\n"):
        found = patient.examine(*push)

    assert found.bad == ["slave fstab"]


def test_a_complaint_of_the_kernel_over_there_is_named(
    patient: FarPatient, push: tuple[Path, str]
):
    with patient.far_file("dmesg", "CRC DATA @ 9000000001234567/16384 FAILED\n"):
        found = patient.examine(*push)

    assert found.bad == ["dmesg"]
    assert str(found.first_bad["host"]).endswith("@127.0.0.1")


def test_a_host_that_is_not_there_does_not_matter_to_another_one(
    patient: FarPatient, push: tuple[Path, str], pull: tuple[str, Path]
):
    gone = ("root@no-such-host.invalid:/pfs/a", pull[1])

    found = patient.examine_pairs({"gone": gone, "push": push})

    assert found.bad == ["name"]
    assert {line["outcome"] for line in found.lines if line["pair"] == "push"} == {"ok"}


def test_two_pairs_of_one_host_share_its_login(patient: FarPatient, world: RemoteWorld):
    pairs = {"one": world.push_pair("one"), "two": world.push_pair("two")}

    found = patient.examine_pairs(pairs)

    assert found.bad == []
    assert [found.label(line) for line in found.lines].count("login") == 1


def test_two_ways_to_one_host_are_told_apart_by_their_pairs(
    patient: FarPatient, push: tuple[Path, str], pull: tuple[str, Path]
):
    own = {"push": patient.far.keys(), "pull": {**patient.far.keys(), "compress": True}}
    config = patient.world.near.configure({"push": push, "pull": pull}, own)

    assert main(["doctor", "-c", str(config)]) == 0

    titles = [line for line in patient.capsys.readouterr().out.splitlines() if "(for" in line]
    assert [title.partition(" ")[2] for title in titles] == ["(for push)", "(for pull)"]
