"""`hammerd check` on a machine with a hammer: it probes the endpoints, and no disk blocks it."""

import json
from pathlib import Path

import pytest

from hammerd.cli.check import endpoint_check, path_check
from hammerd.cli.check.endpoint_check import probe_endpoints
from hammerd.cli.check.path_check import local_paths, probe_paths
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.probe_verdict import ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Endpoint, Pair
from hammerd.daemon.paths import probe_program
from tests.cli.machine_disks import MachineDisks


@pytest.fixture
def disks(tmp_path: Path) -> MachineDisks:
    return MachineDisks(tmp_path)


@pytest.fixture
def warnings_of(hammerd, disks: MachineDisks):
    """Return a function that checks a config and returns the warnings.

    Each warning is one line with its hint.
    """

    def check(config: Path) -> list[str]:
        ran = hammerd("check", config, columns=10_000)

        assert ran.code == 0
        return ran.out.replace("\n    hint: ", " hint: ").splitlines()[:-1]

    return check


@pytest.mark.parametrize("is_swapped", [False, True])
def test_every_form_of_the_command_has_the_warnings(
    disks: MachineDisks, warnings_of, hammerd, *, is_swapped: bool
):
    master = disks.master("a")
    slave = disks.slave(master, "a")
    config = disks.config(slave, master) if is_swapped else disks.config(master, slave)

    as_json = json.loads(hammerd("check", "--json", config).out)

    assert len(warnings_of(config)) == len(as_json["warnings"]) == is_swapped
    assert as_json["ends_not_asked_because"] is None
    assert hammerd("check", "--strict", config).code == (78 if is_swapped else 0)


def test_a_pair_that_can_stream_is_not_warned_of(disks: MachineDisks, warnings_of):
    master = disks.master("a")

    assert warnings_of(disks.config(master, disks.slave(master, "a"))) == []


def test_swapped_endpoints_are_reported(disks: MachineDisks, warnings_of):
    master = disks.master("a")
    slave = disks.slave(master, "a")

    assert warnings_of(disks.config(slave, master)) == [
        "warning: pairs.a: has its ends swapped: the slave is a master, and the master a slave "
        f'hint: write master = "{master}" and slave = "{slave}"'
    ]


def test_a_slave_that_is_a_master_is_reported_and_not_probed(disks: MachineDisks, warnings_of):
    master = disks.master("a")
    slave = disks.slave(master, "a")
    disks.run("mirror-copy", master, slave)
    disks.run("pfs-upgrade", slave)
    pairs = (Pair("a", Endpoint(str(master)), Endpoint(str(slave))),)

    (warning,) = warnings_of(disks.config(master, slave))
    facts = probe_endpoints(str(disks.hammer), pairs, probe_paths(local_paths(pairs)))

    assert f'pairs.a.slave: is a master (got "{slave}")' in warning
    assert facts[str(slave)].probe is None


@pytest.mark.parametrize("end", ["master", "slave"])
@pytest.mark.parametrize("missing", ["pfs/none", "none/a"])
def test_a_missing_endpoint_is_reported(disks: MachineDisks, warnings_of, end: str, missing: str):
    master = disks.master("a")
    ends = {"master": master, "slave": disks.slave(master, "a")} | {end: disks.fs(1) / missing}

    (warning,) = warnings_of(disks.config(ends["master"], ends["slave"]))

    cause = "pfs_missing" if missing == "pfs/none" else "file_system_missing"
    assert warning.startswith(f"warning: pairs.a: would wait for a mount: {cause} hint: {end} ")


def test_a_slave_of_another_master_is_reported(disks: MachineDisks, warnings_of):
    slave = disks.slave(disks.master("other"), "a")

    (warning,) = warnings_of(disks.config(disks.master("a"), slave))

    assert warning.startswith("warning: pairs.a: would be parked: uuid_mismatch hint: master ")


def test_one_pfs_at_both_endpoints_is_reported_once(disks: MachineDisks, warnings_of):
    master = disks.master("a")
    (disks.root / "alias").symlink_to(master)

    assert len(warnings_of(disks.config(master, disks.root / "alias"))) == 1


@pytest.mark.parametrize("where", ["", "/"])
def test_the_root_of_a_file_system_can_be_no_slave(disks: MachineDisks, warnings_of, where: str):
    (warning,) = warnings_of(disks.config(disks.master("a"), f"{disks.fs(2)}{where}"))

    assert "pairs.a.slave: is the root of a HAMMER file system (PFS#0)" in warning


def test_a_directory_outside_hammer_is_reported(disks: MachineDisks, warnings_of):
    (disks.root / "plain").mkdir()

    (warning,) = warnings_of(disks.config(disks.master("a"), disks.root / "plain"))

    assert "would wait for a mount: null_mount_missing" in warning


def test_remote_and_disabled_pairs_are_left_alone(disks: MachineDisks, warnings_of):
    rest = '[pairs.b]\nmaster = "/none"\nslave = "/nothing"\nenabled = false\n'

    assert warnings_of(disks.config(disks.master("a"), "beta:/pfs/a", rest=rest)) == []


def test_a_missing_group_is_reported(disks: MachineDisks, warnings_of):
    master = disks.master("a")
    ends = (master, disks.slave(master, "a"))

    (warning,) = warnings_of(disks.config(*ends, daemon='status_group = "whell"'))

    assert 'daemon.status_group: is no group of this system (got "whell")' in warning


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("none", "is not there"),
        ("plain", "is no program that can be run"),
        ("Backup1", "is no program that can be run"),
    ],
)
def test_a_hammer_that_cannot_be_run_is_reported(
    disks: MachineDisks, warnings_of, program: str, what: str
):
    (disks.root / "plain").write_text("no program")
    master = disks.master("a")
    config = disks.config(
        master, disks.slave(master, "a"), daemon=f'hammer = "{disks.root / program}"'
    )

    (warning,) = warnings_of(config)

    assert f"daemon.hammer: {what}" in warning


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("exit 3", "probe_silent"),
        ("echo rubbish", "probe_silent"),
        ("printf 'x\\tPFS#1 {\\n}\\n'", "bad_output"),
        ("printf '\\377\\033[31m\\n' >&2; exit 1", "probe_silent"),
    ],
)
def test_a_pfs_status_without_a_result_is_reported(
    disks: MachineDisks, warnings_of, script: str, cause: str
):
    program = disks.root / "strange"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    master = disks.master("a")

    (warning,) = warnings_of(
        disks.config(master, disks.slave(master, "a"), daemon=f'hammer = "{program}"')
    )

    assert f"pairs.a: could not stream now: {cause}" in warning
    assert warning.isprintable()


def test_a_pfs_status_that_hangs_leaves_only_its_endpoint_unknown(
    disks: MachineDisks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    master = disks.master("a")
    slave = disks.slave(master, "a")
    program = tmp_path / "hanging"
    hangs = f'case "$2" in {slave}) sleep 600 & sleep 600;; esac'
    program.write_text(f'#!/bin/sh\n{hangs}\nexec {disks.hammer} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(endpoint_check, "TIMEOUT_S", 3.0)
    pairs = (Pair("a", Endpoint(str(master)), Endpoint(str(slave))),)

    facts = probe_endpoints(str(program), pairs, probe_paths(local_paths(pairs)))

    assert isinstance(facts[str(slave)].probe, ProbeFailed)
    assert facts[str(slave)].probe.why is ProbeTrouble.PROBE_TIMEOUT
    assert not isinstance(facts[str(master)].probe, ProbeFailed)


def test_a_path_that_hangs_is_reported_and_gets_no_pfs_status(
    disks: MachineDisks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    hanging = tmp_path / "probe_program.py"
    hanging.write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(probe_program, "__file__", str(hanging))
    monkeypatch.setattr(path_check, "TIMEOUT_S", 0.5)
    pairs = (Pair("a", Endpoint("/m"), Endpoint("/s")),)

    facts = probe_endpoints("/bin/false", pairs, probe_paths(local_paths(pairs)))

    assert isinstance(facts["/m"].probe, ProbeFailed)
    assert "does its disk hang?" in facts["/m"].probe.detail
    assert facts["/s"].probe is None


def test_a_machine_without_hammer_is_reported_once(hammerd, tmp_path: Path):
    config = tmp_path / "h.toml"
    ends = "".join(f'[pairs.p{n}]\nmaster = "/m{n}"\nslave = "/s{n}"\n' for n in range(3))
    config.write_text(f'[daemon]\nstatus_group = "whell"\n[defaults]\nflush_every = "10s"\n{ends}')

    ran = hammerd("check", "--strict", config, columns=1000)
    as_json = json.loads(hammerd("check", "--json", config).out)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        f"{config}: 3 pairs, no faults\n"
        "note: hammer was not asked of the ends: there is no /sbin/hammer here\n"
    )
    assert as_json["ends_not_asked_because"] == "there is no /sbin/hammer here"


def test_no_ends_probes_no_endpoint(hammerd, disks: MachineDisks):
    config = disks.config("/none", "/nothing", daemon='hammer = "/no-hammer"')

    ran = hammerd("check", "--strict", "--no-ends", config, columns=1000)

    assert (ran.code, ran.out, ran.err) == (0, f"{config}: 1 pair, no faults\n", "")


def test_many_endpoints_are_all_probed(disks: MachineDisks):
    masters = [disks.master(f"m{n}") for n in range(endpoint_check.MOST_AT_ONCE + 1)]
    pairs = tuple(Pair(m.name, Endpoint(str(m)), Endpoint("/x", SshHost("beta"))) for m in masters)

    facts = probe_endpoints(str(disks.hammer), pairs, probe_paths(local_paths(pairs)))

    assert [facts[str(m)].is_master for m in masters] == [True] * len(masters)
