"""hammerd provision on the simulator: from two empty file systems to a mirrored pair.

Every step is killed before and after it, each time the command run again goes on, and the names of
the steps are those of the dry run, so that none is left out.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from hammerd.cli.doctor.system.machine import Machine
from hammerd.cli.options.location import Location
from hammerd.cli.provision.looker import Looker, Wishes
from hammerd.cli.provision.pair_origin import Ends, find_pair
from hammerd.core.exit_codes import Exit
from hammerd.core.hosts.host import THIS_HOST
from hammerd.core.plans.provision import plan_provision
from hammerd.core.plans.steps import Plan
from hammerd.simulator import admin
from tests.cli.plans.roles.test_killed_plans import ALL_KILLS
from tests.cli.provision.provisioning import killed, provision, run, steps_left
from tests.plans_world import PAIR, PlansWorld, plans_world
from tests.waiting import until


@pytest.fixture
def world() -> Iterator[PlansWorld]:
    with plans_world() as world:
        admin.install(world.sbin, time_scale=50)
        for number in (1, 2):
            admin.publish_in_steps(world.fs(number), time_scale=50)
        yield world


def assert_mirrored(world: PlansWorld) -> None:
    (world.place / "file").write_text("text")
    world.copy()
    assert (world.short / "file").read_text() == "text"


def tree(world: PlansWorld) -> list[str]:
    """Return the paths of both file systems, but for the state of the simulator."""
    paths = [path for number in (1, 2) for path in world.fs(number).rglob("*")]
    return sorted(str(path) for path in paths if ".hammerfs" not in path.parts)


def test_two_commands_make_a_proved_mirror_of_two_empty_file_systems(world: PlansWorld) -> None:
    words = with_pair_missing(world)
    before = tree(world)
    assert steps_left(world, *words)[0] == "hold"
    assert tree(world) == before

    printed = provision(world, *words)
    verified = world.run("verify", PAIR)

    assert verified.returncode == Exit.OK, verified.stdout + verified.stderr
    assert f"hammer pfs-slave {world.slave} shared-uuid=" in printed
    assert "100 %" in printed
    assert "can be read" in printed
    assert_mirrored(world)
    assert "nothing is left to do" in provision(world, *words)
    assert world.fstab.read_text().count(f"{world.master}\t{world.place}\tnull") == 1
    assert world.reboot() == []
    assert (world.place / "file").read_text() == "text"


def test_mount_that_a_boot_has_lost_is_made_again(world: PlansWorld) -> None:
    assert "--fstab adds it" in provision(world)
    world.reboot()

    assert steps_left(world) == ["null-mount"]
    provision(world)
    assert_mirrored(world)


def test_slave_that_was_copied_too_early_is_copied_again(world: PlansWorld) -> None:
    for number in (1, 2):
        (world.fs(number) / "pfs").mkdir()
    world.run_hammer("pfs-master", world.master)
    uuid = admin.shared_uuid(world.master)
    world.run_hammer("pfs-slave", world.slave, f"shared-uuid={uuid}")
    world.run_hammer("mirror-copy", world.master, world.slave)
    assert admin.sync_end_tid(world.slave) > 1
    assert not (world.slave / ".").exists()

    printed = provision(world)

    assert "synctid" in printed
    assert_mirrored(world)


def with_pair_missing(world: PlansWorld) -> tuple[str, ...]:
    """Take the pair out of the config, and return the words that bring it back."""
    text = world.config.read_text()
    world.config.write_text("# mine\n" + text.partition("[pairs.")[0])
    return ("--fstab", "--config", "--master", str(world.place), "--slave", str(world.short))


def test_each_step_that_is_killed_is_made_up_for(world: PlansWorld) -> None:
    words = with_pair_missing(world)
    names = steps_left(world, *words)
    assert len(names) == 13

    for name in names:
        # A run that does not reach the step is not killed, and the test fails.
        for when in ("before", "after") if ALL_KILLS else ("after",):
            killed(world, name, when, *words)
    assert steps_left(world, *words) == []

    assert_mirrored(world)
    assert world.fstab.read_text().count("null") == 1
    assert world.config.read_text().count(f"[pairs.{PAIR}]") == 1
    assert world.config.read_text().startswith("# mine\n")


@pytest.mark.parametrize("command", ["pfs-slave", "mirror-copy"])
def test_command_that_outlives_its_killed_caller_is_waited_for(
    world: PlansWorld, command: str
) -> None:
    world.run_killed(command, "during", "provision", PAIR)

    provision(world)
    assert steps_left(world) == []
    assert_mirrored(world)


def test_slave_whose_making_failed_half_way_is_completed(world: PlansWorld) -> None:
    world.set_up()
    other = world.fs(2) / "pfs/other"
    world.run_hammer("pfs-slave", other)
    ends = ("--slave-pfs", str(other))
    world.short.unlink()

    refused = run(world, *ends)

    assert refused.returncode == Exit.USAGE
    assert "was never mirrored" in " ".join(refused.stderr.split())
    provision(world, *ends, "--yes")
    assert admin.shared_uuid(other) == admin.shared_uuid(world.master)
    assert admin.sync_end_tid(other) > 1


def test_what_holds_something_else_is_left_alone(world: PlansWorld) -> None:
    world.set_up()
    (world.fs(1) / "pfs/plain").mkdir()
    world.run_hammer("pfs-master", world.fs(2) / "pfs/own")
    before = tree(world)

    refused = run(
        world,
        *("--master-pfs", str(world.fs(1) / "pfs/plain")),
        *("--slave-pfs", str(world.fs(2) / "pfs/own")),
    )

    assert refused.returncode == Exit.UNAVAILABLE
    told = " ".join(refused.stderr.split())
    assert "is a plain directory of its file system" in told
    assert "is a master" in told
    assert tree(world) == before


def test_master_is_not_mounted_over_a_file_of_any_name(world: PlansWorld) -> None:
    world.place.mkdir()
    (world.place / "\n").touch()

    refused = run(world)

    assert refused.returncode == Exit.UNAVAILABLE
    assert "a null mount would hide" in " ".join(refused.stderr.split())


def test_failed_step_tells_why_and_is_made_up_for(world: PlansWorld) -> None:
    admin.set_knob(world.fs(2), "faults", "SET_PSEUDOFS errno 5")
    failed = run(world)
    assert failed.returncode == Exit.FAILURE
    assert "failed: Input/output error" in " ".join(failed.stderr.split())

    admin.set_knob(world.fs(2), "faults", None)
    admin.set_knob(world.fs(2), "full", 1)
    failed = run(world)
    assert failed.returncode == Exit.FAILURE
    assert "fatal error 28" in failed.stderr

    admin.set_knob(world.fs(2), "full", None)
    provision(world)
    assert_mirrored(world)


def test_line_of_the_tutorial_and_another_stream_are_found(world: PlansWorld) -> None:
    world.set_up()
    line = f"@reboot root hammer mirror-stream {world.place} {world.short}"
    world.crontab.write_text(f"# Jobs\n{line}\n")
    stream = subprocess.Popen(
        [world.hammer, "mirror-stream", world.place, world.slave], start_new_session=True
    )

    def this_machine() -> Machine:
        machine = Machine(THIS_HOST)
        machine.files = replace(machine.files, crontabs=(str(world.crontab),))
        return machine

    origin = find_pair(str(world.config), PAIR, Ends(), is_edited=False)
    location = Location(run_dir=str(world.run_dir))
    looker = Looker(origin, Wishes(), location, lambda: None, this_machine)
    told = f"  end it with: kill -TERM -- -{stream.pid}"
    try:
        until(lambda: told in notes(looker), "the stream is told")
        assert f"{world.crontab}: {line}" in notes(looker)
    finally:
        os.killpg(stream.pid, signal.SIGKILL)
        stream.wait()


def notes(looker: Looker) -> tuple[str, ...]:
    plan = plan_provision(looker.look())
    assert isinstance(plan, Plan)
    return plan.notes


def test_missing_hammer_is_named_before_all_else(world: PlansWorld) -> None:
    world.hammer.unlink()

    refused = run(world, "--dry-run")

    assert refused.returncode == Exit.UNAVAILABLE
    assert f"{world.hammer} is not there" in " ".join(refused.stderr.split())
