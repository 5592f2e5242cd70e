"""Defines the values of a whole config and of its [daemon] table.

core/config/reader.py makes them from TOML, core/config/schema.py names their keys.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from hammerd.core import paths
from hammerd.core.errors import Fault
from hammerd.core.pairs import Pair


class LogFormat(StrEnum):
    """The format of the log's lines."""

    HUMAN = "human"
    LOGFMT = "logfmt"
    JSON = "json"


class LogLevel(StrEnum):
    """The lowest level of a line that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class SyslogFacility(StrEnum):
    """The facility for a copy of the log to syslogd; NONE: no copy."""

    NONE = "none"
    DAEMON = "daemon"
    USER = "user"
    LOCAL0 = "local0"
    LOCAL1 = "local1"
    LOCAL2 = "local2"
    LOCAL3 = "local3"
    LOCAL4 = "local4"
    LOCAL5 = "local5"
    LOCAL6 = "local6"
    LOCAL7 = "local7"


@dataclass(frozen=True, slots=True)
class DaemonConfig:
    """The settings of the daemon; paths are absolute, without trailing slashes."""

    log_file: str = "/var/log/hammerd/hammerd.log"
    log_format: LogFormat = LogFormat.HUMAN
    log_level: LogLevel = LogLevel.INFO
    syslog_facility: SyslogFacility = SyslogFacility.NONE
    lag_log_file: str = "/var/log/hammerd/lag.log"
    state_dir: str = paths.STATE_DIR
    run_dir: str = paths.RUN_DIR
    hammer: str = "/sbin/hammer"
    sample_interval_s: float = 30.0
    stop_timeout_s: float = 20.0
    status_group: str = "wheel"
    history_keep_s: float = 400 * 86_400.0


@dataclass(frozen=True, slots=True)
class Config:
    """A config without faults; pairs are in the file's order, with the disabled ones.

    `warnings` are about likely mistakes; they change nothing.
    """

    daemon: DaemonConfig = field(default_factory=DaemonConfig)
    pairs: tuple[Pair, ...] = ()
    warnings: tuple[Fault, ...] = field(default=(), compare=False)
