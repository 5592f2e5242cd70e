"""run_dir and state_dir are read from a config with other faults."""

import pytest

from hammerd.core.config.model import DaemonConfig
from hammerd.core.config.toml import read_directory
from hammerd.core.errors import ConfigError


@pytest.mark.parametrize(
    ("content", "run_dir"),
    [
        (b'[daemon]\nrun_dir = "/tmp/h/"\n', "/tmp/h"),
        (b'[daemon]\nrun_dir = "/tmp/h"\nlog_formt = 3\n[pears]\n', "/tmp/h"),
        (b"", DaemonConfig().run_dir),
        (b"daemon = 3\n", DaemonConfig().run_dir),
        (b"[daemon]\nlog_file = 3\n", DaemonConfig().run_dir),
    ],
)
def test_the_run_dir_is_read_despite_other_faults(content: bytes, run_dir: str):
    assert run_dir == read_directory("run_dir", content, "test.toml")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"[daemon\n", "line 1, column 8"),
        (b"[daemon]\nrun_dir = '\xff'", "line 2"),
        (b"[daemon]\nrun_dir = 'run'\n", "daemon.run_dir"),
    ],
)
def test_an_invalid_run_dir_is_reported(content: bytes, where: str):
    with pytest.raises(ConfigError) as caught:
        read_directory("run_dir", content, "test.toml")

    assert [where] == [fault.where for fault in caught.value.faults]


def test_the_state_dir_is_read_in_the_same_way():
    assert (
        read_directory("state_dir", b'[daemon]\nstate_dir = "/tmp/s/"\n[pears]\n', "test.toml")
        == "/tmp/s"
    )
    assert read_directory("state_dir", b"", "test.toml") == DaemonConfig().state_dir
    with pytest.raises(ConfigError) as caught:
        read_directory("state_dir", b"[daemon]\nstate_dir = 3\n", "test.toml")
    assert [fault.where for fault in caught.value.faults] == ["daemon.state_dir"]
