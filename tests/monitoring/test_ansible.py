"""The Ansible role runs against a daemon on the simulator, as on a host of its own."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.conftest import a_world
from tests.daemon.world import HAMMERD, World
from tests.monitoring.exported import KIT

pytestmark = pytest.mark.skipif(
    shutil.which("ansible-playbook") is None, reason="no ansible-playbook here"
)

UNREADABLE = {"test": {"master": "relative", "slave": "/pfs/slave"}}


@dataclass(frozen=True)
class Played:
    """The outcome of a play: its counts, and the results of its tasks."""

    stats: Mapping[str, int]
    tasks: Mapping[str, Mapping[str, Any]]


@dataclass
class Host:
    """A world with a daemon whose config has another pair, and the variables of its host."""

    world: World
    place: Path
    variables: dict[str, Any]

    def play(self) -> Played:
        inventory = self.place / "hosts.json"
        host = {"ansible_connection": "local", **self.variables}
        inventory.write_text(json.dumps({"hammer": {"hosts": {"office": host}}}))
        done = subprocess.run(
            ["ansible-playbook", "-i", inventory, KIT / "ansible/site.yml"],
            env={
                **os.environ,
                "HOME": str(self.place),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_STDOUT_CALLBACK": "json",
                "ANSIBLE_PIPELINING": "1",
                "ANSIBLE_LOCAL_TEMP": str(self.place / "temp"),
                "ANSIBLE_REMOTE_TEMP": str(self.place / "temp"),
            },
            cwd=self.place,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "{" in done.stdout, done.stdout + done.stderr
        told = json.loads(done.stdout[done.stdout.index("{") :])
        (play,) = told["plays"]
        results = {each["task"]["name"]: each["hosts"] for each in play["tasks"]}
        tasks = {
            name.removeprefix("hammerd : "): hosts.get("office", {})
            for name, hosts in results.items()
        }
        return Played(told["stats"]["office"], tasks)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with a_world({}) as world:
        master, slave = world.make_pair()
        world.write("first", "first\n")
        config = world.configure({"old": ("/no/such/master", "/no/such/slave")})
        program = world.root / "program"
        program.write_text(f'#!/bin/sh\nexec {" ".join(HAMMERD)} "$@"\n')
        program.chmod(0o755)
        world.start(config)
        (tmp_path / "targets").mkdir()
        variables = {
            "ansible_python_interpreter": shutil.which("python3", path="/usr/bin:/usr/local/bin"),
            "hammerd_program": str(program),
            "hammerd_config": str(config),
            "hammerd_owner": str(os.getuid()),
            "hammerd_group": str(os.getgid()),
            "hammerd_manage_service": False,
            "hammerd_doctor": False,
            "hammerd_prometheus": "office",
            "hammerd_targets_dir": str(tmp_path / "targets"),
            "hammerd_target_labels": {"site": "here"},
            "hammerd_daemon": settings(config),
            "hammerd_pairs": {"test": {"master": str(master), "slave": str(slave)}},
        }
        yield Host(world, tmp_path, variables)


def settings(config: Path) -> dict[str, str]:
    """Return what a config of a world sets for the daemon."""
    lines = config.read_text().partition("[defaults]")[0].splitlines()[1:]
    return {key: json.loads(value) for key, value in (line.split(" = ", 1) for line in lines)}


@pytest.mark.timeout(300)
def test_role_installs_a_config_once_and_never_one_with_faults(host: Host) -> None:
    first = host.play()
    assert first.stats["failures"] == 0, first.tasks
    assert host.world.wait_until_following()
    assert first.tasks["Look how the pairs fare"]["stdout"].startswith("HAMMERD ")
    (target,) = json.loads((host.place / "targets/office.json").read_text())
    assert target == {"targets": ["office:9427"], "labels": {"site": "here"}}

    again = host.play()
    assert (again.stats["failures"], again.stats["changed"]) == (0, 0), again.tasks

    before = Path(host.variables["hammerd_config"]).read_text()
    host.variables["hammerd_pairs"] = UNREADABLE
    refused = host.play()
    assert refused.stats["failures"] == 1
    assert "pairs.test.master" in json.dumps(refused.tasks["Write the config"])
    assert Path(host.variables["hammerd_config"]).read_text() == before
