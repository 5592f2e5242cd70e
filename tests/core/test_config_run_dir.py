"""The one thing that is read out of a config with whatever faults."""

import pytest

from hammerd.core.config_run_dir import read_run_dir
from hammerd.core.daemon_config import DaemonConfig
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
def test_the_run_dir_is_read_whatever_else_is_wrong(content: bytes, run_dir: str):
    assert run_dir == read_run_dir(content, "test.toml")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"[daemon\n", "line 1, column 8"),
        (b"[daemon]\nrun_dir = '\xff'", "line 2"),
        (b"[daemon]\nrun_dir = 'run'\n", "daemon.run_dir"),
    ],
)
def test_what_cannot_be_read_of_it_is_told(content: bytes, where: str):
    with pytest.raises(ConfigError) as caught:
        read_run_dir(content, "test.toml")

    assert [where] == [fault.where for fault in caught.value.faults]
