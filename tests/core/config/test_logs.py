"""The two logs have their own files, which are none of hammerd's other files."""

import pytest

from hammerd.core.errors import ConfigError
from tests.config_text import parse_config

PAIR = '[pairs.a]\nmaster = "/Backup1/pfs/a"\nslave = "/Backup2/pfs/a"\n'


@pytest.mark.parametrize(
    ("daemon", "where", "what"),
    [
        (
            'log_file = "/var/log/h"\nlag_log_file = "/var/log/h"',
            "daemon.lag_log_file",
            "is the log_file already",
        ),
        (
            'log_file = "/var/log/hammerd/lag.log"',
            "daemon.log_file",
            "is the lag_log_file already",
        ),
        (
            'lag_log_file = "/var/log/hammerd/hammerd.log"',
            "daemon.lag_log_file",
            "is the log_file already",
        ),
        (
            'lag_log_file = "/var/db/hammerd/state.json"',
            "daemon.lag_log_file",
            "is the state.json that hammerd keeps in state_dir",
        ),
        (
            'state_dir = "/s"\nlog_file = "/s/history.db"',
            "daemon.log_file",
            "is the history.db that hammerd keeps in state_dir",
        ),
        (
            'run_dir = "/r"\nlog_file = "/r/hammerd.pid"',
            "daemon.log_file",
            "is the hammerd.pid that hammerd keeps in run_dir",
        ),
    ],
)
def test_two_logs_cannot_share_a_file(daemon: str, where: str, what: str):
    with pytest.raises(ConfigError) as caught:
        parse_config(f"[daemon]\n{daemon}\n{PAIR}", "test.toml")

    assert [(fault.where, fault.what) for fault in caught.value.faults] == [(where, what)]


def test_two_logs_may_both_be_dev_null():
    config = parse_config(
        f'[daemon]\nlog_file = "/dev/null"\nlag_log_file = "/dev/null"\n{PAIR}', "test.toml"
    )

    assert config.daemon.log_file == config.daemon.lag_log_file
