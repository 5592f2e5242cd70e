"""root refuses a config file that other users could change."""

import os
from pathlib import Path

import pytest

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api.protocol import Verb
from hammerd.core.errors import ConfigError
from hammerd.daemon.service import config_file
from tests import hammerd_program
from tests.daemon.rights import ROOT_ONLY
from tests.daemon.world import World
from tests.hammerd_program import HAMMERD

USER = 65534


@pytest.fixture
def config(tmp_path: Path) -> Path:
    directory = tmp_path / "etc"
    directory.mkdir(mode=0o755)
    path = directory / "hammerd.toml"
    path.write_text('[pairs.a]\nmaster = "/m"\nslave = "/s"\n')
    path.chmod(0o644)
    return path


def faults_of(path: Path) -> list[str]:
    """Return the faults of a config file, none if it is read."""
    try:
        assert config_file.read(str(path)).startswith(b"[pairs.a]")
    except ConfigError as error:
        return [f"{fault.where}: {fault.what}" for fault in error.faults]
    return []


def test_an_ordinary_config_is_read(config: Path):
    assert faults_of(config) == []


def test_a_missing_config_is_an_error_of_the_system(config: Path):
    with pytest.raises(FileNotFoundError):
        config_file.read(str(config.with_name("none.toml")))


@pytest.mark.parametrize("command", ["run", "check", "status", "lag"])
def test_a_fifo_is_refused_at_once(tmp_path: Path, command: str) -> None:
    fifo = tmp_path / "hammerd.toml"
    os.mkfifo(fifo, 0o600)

    done = hammerd_program.run(
        [*HAMMERD, command, "-c", str(fifo)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "COLUMNS": "500"},
    )

    assert done.returncode == 66
    assert "it is no file but a FIFO" in done.stderr


@ROOT_ONLY
def test_a_file_or_directory_that_others_can_change_is_refused(config: Path):
    config.chmod(0o666)
    config.parent.chmod(0o777)
    os.chown(config, USER, 0)

    assert faults_of(config) == [
        f"file: {config} is not root's",
        f"file: everybody may write to {config}",
        f"directory: everybody may write to {config.parent}",
    ]


@ROOT_ONLY
def test_a_link_and_its_directories_are_checked(config: Path, tmp_path: Path):
    link = tmp_path / "links" / "hammerd.toml"
    link.parent.mkdir(mode=0o755)
    link.symlink_to(config)
    assert faults_of(link) == []

    os.chown(link, USER, 0, follow_symlinks=False)
    link.parent.chmod(0o1777)
    config.parent.chmod(0o777)

    assert faults_of(link) == [
        f"file: {link} is not root's",
        f"directory: everybody may write to {config.parent}",
    ]


@ROOT_ONLY
@pytest.mark.parametrize("command", ["check", "run"])
def test_commands_refuse_a_writable_config(config: Path, command: str):
    config.chmod(0o646)

    ran = hammerd_program.run(
        [*HAMMERD, command, config], check=False, capture_output=True, text=True
    )

    assert (ran.returncode, ran.stdout) == (78, "")
    printed = " ".join(ran.stderr.split())
    assert f"{config}: 1 fault file: everybody may write to {config} (got mode 0646)" in printed
    assert f'hint: they could change what root runs: "chmod go-w {config}"' in printed


@ROOT_ONLY
def test_a_running_hammerd_refuses_a_reload_of_it(world: World):
    path = world.configure({"test": world.make_pair()})
    world.start(path)
    world.wait_until_following()
    path.chmod(0o666)

    with pytest.raises(CommandFailed, match="everybody may write to") as refused:
        world.ask(Verb.RELOAD)

    assert refused.value.code == 78
    assert world.status()["state"] == "streaming"
    world.wait_for_log("config.refused")
