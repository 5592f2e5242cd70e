"""A log is written into no other log, and into nothing that hammerd itself keeps."""

import pytest

from hammerd.core.config.reader import parse_config
from hammerd.core.errors import ConfigError

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
def test_a_log_must_have_a_file_of_its_own(daemon: str, where: str, what: str):
    with pytest.raises(ConfigError) as caught:
        parse_config(f"[daemon]\n{daemon}\n{PAIR}", "test.toml")

    assert [(fault.where, fault.what) for fault in caught.value.faults] == [(where, what)]


def test_what_nobody_reads_may_go_to_one_place():
    config = parse_config(
        f'[daemon]\nlog_file = "/dev/null"\nlag_log_file = "/dev/null"\n{PAIR}', "test.toml"
    )

    assert config.daemon.log_file == config.daemon.lag_log_file
