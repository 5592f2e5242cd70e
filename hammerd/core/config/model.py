"""Defines the values of a whole config, and of its [daemon] and [notify] tables.

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


class AlarmLevel(StrEnum):
    """The level of an alarm, and the least level that a receiver is told of."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Receiver:
    """A command that is run for each notification; `name` is the key path of its table."""

    name: str = "notify"
    command: tuple[str, ...] | None = None
    level: AlarmLevel = AlarmLevel.WARNING
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """The settings of alarms: when they are raised and repeated, and who is told.

    `after`: the number of looks in a row that show a fault before it is an alarm.
    """

    after: int = 3
    repeat_every_s: float = 4 * 3_600.0
    heartbeat: tuple[str, ...] | None = None
    heartbeat_every_s: float = 300.0
    receivers: tuple[Receiver, ...] = ()

    @property
    def commands(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The commands, each with its key path."""
        found = [(f"{one.name}.command", one.command) for one in self.receivers]
        found.append(("notify.heartbeat", self.heartbeat))
        return tuple((where, command) for where, command in found if command is not None)


@dataclass(frozen=True, slots=True)
class Config:
    """A config without faults; pairs are in the file's order, with the disabled ones.

    `warnings` are about likely mistakes; they change nothing.
    """

    daemon: DaemonConfig = field(default_factory=DaemonConfig)
    pairs: tuple[Pair, ...] = ()
    warnings: tuple[Fault, ...] = field(default=(), compare=False)
    notify: NotifyConfig = field(default_factory=NotifyConfig)
