"""Defines the keys of a config: for each its reader, the field that it sets, its purpose.

The reader, the lists of known keys, the sample config and the manual use these tables; the
defaults are those of the fields.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from functools import partial

from hammerd.core.config import ssh_values, values
from hammerd.core.config.endpoints import read_endpoint
from hammerd.core.config.model import (
    AlarmLevel,
    DaemonConfig,
    LogFormat,
    LogLevel,
    NotifyConfig,
    Receiver,
    SyslogFacility,
)
from hammerd.core.config.rotation import read_rotation, show_rotation
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.pairs import GearChoice, Pair, Rotation, StreamOptions, Thresholds, Timing

Model = (
    type[DaemonConfig]
    | type[Pair]
    | type[StreamOptions]
    | type[Timing]
    | type[Thresholds]
    | type[SshSettings]
    | type[NotifyConfig]
    | type[Receiver]
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: its reader, and the suffix of its field; `unit` is for the manual."""

    unit: str
    read: Callable[[object], object]
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its name, its kind, the dataclass that has its field, and its purpose."""

    name: str
    kind: Kind
    model: Model
    doc: str
    example: str = ""

    field_name: str = ""

    @property
    def field(self) -> str:
        """The field of `model` that the key sets; its name ends in the unit."""
        return self.field_name or self.name + self.kind.suffix

    @property
    def default(self) -> object:
        """The value if the key is not given; MISSING if it is required.

        Raises:
            LookupError: the table below names a key that has no field.
        """
        for each in fields(self.model):
            if each.name == self.field:
                return each.default
        raise LookupError(f"key {self.name}: {self.model.__name__} has no field {self.field}")

    @property
    def is_required(self) -> bool:
        """Whether every pair needs the key."""
        return self.default is MISSING

    def show(self, value: object) -> str:
        """Return a value of this key as it is written in TOML."""
        if isinstance(value, Rotation):
            return show_rotation(value)
        if self.kind.suffix == "_s" and isinstance(value, int | float):
            return f'"{values.show_duration(value)}"'
        if self.kind.suffix == "_bytes" and isinstance(value, int):
            return f'"{values.show_size(value)}"'
        return values.show_value(value)


def _choice(choices: type[StrEnum]) -> Kind:
    words = " | ".join(choice.value for choice in choices)
    return Kind(words, partial(values.read_choice, choices))


_ENDPOINT = Kind("[[user@]host:]path", read_endpoint)
_ROTATION = Kind("true | false | array of paths or uuids", read_rotation)
_FLAG = Kind("true | false", values.read_flag)
_DURATION = Kind("duration", values.read_duration, "_s")
_LONG_DURATION = Kind("duration", partial(values.read_duration, least_s=3600.0), "_s")
_WHOLE_SECONDS = Kind("whole seconds", values.read_whole_seconds, "_s")
_SIZE = Kind("size", values.read_size, "_bytes")
_PATH = Kind("path", values.read_path)
_GROUP = Kind("group", values.read_group)
_COUNT = Kind("number", values.read_count)
_COMMAND = Kind("array of a path and arguments", values.read_command)
_SSH_USER = Kind("user", ssh_values.read_user)
_PORT = Kind("1 to 65535", ssh_values.read_port)
_SSH_OPTIONS = Kind("array of Key=Value", ssh_values.read_options)
_REMOTE_PROGRAM = Kind("program", ssh_values.read_program)


def _ssh_key(name: str, kind: Kind, doc: str, example: str = "") -> Key:
    return Key(name, kind, SshSettings, doc, example, _SSH_FIELDS.get(name, name))


_SSH_FIELDS = {
    "ssh": "program",
    "ssh_user": "user",
    "ssh_port": "port",
    "ssh_identity": "identity",
    "ssh_options": "options",
    "ssh_admin_identity": "admin_identity",
    "ssh_admin_user": "admin_user",
    "ssh_known_hosts": "known_hosts",
    "compress": "is_compressed",
    "probe_remote": "is_probed",
    "remote_guard": "is_guarded",
}
"""The fields of SshSettings whose keys have other names."""


DAEMON_KEYS: tuple[Key, ...] = (
    Key("log_file", _PATH, DaemonConfig, "where the log goes"),
    Key("log_format", _choice(LogFormat), DaemonConfig, "how a line of the log looks"),
    Key("log_level", _choice(LogLevel), DaemonConfig, "the least that is logged"),
    Key("syslog_facility", _choice(SyslogFacility), DaemonConfig, "syslogd gets the log as well"),
    Key("lag_log_file", _PATH, DaemonConfig, "where the lag of every sample goes"),
    Key("state_dir", _PATH, DaemonConfig, "what must outlive a restart: pauses, TIDs, history"),
    Key("run_dir", _PATH, DaemonConfig, "pid file, sockets, records of running streams"),
    Key("hammer", _PATH, DaemonConfig, "the hammer utility"),
    Key("sample_interval", _DURATION, DaemonConfig, "how often every end's TID is asked for"),
    Key("stop_timeout", _DURATION, DaemonConfig, "how long all streams together may take to end"),
    Key("status_group", _GROUP, DaemonConfig, "who may ask for the status without being root"),
    Key("history_keep", _DURATION, DaemonConfig, "how long events and lag are kept, lag thinned"),
)

PAIR_KEYS: tuple[Key, ...] = (
    Key("master", _ENDPOINT, Pair, "the PFS that is copied", '"/Backup1/pfs/test"'),
    Key("slave", _ENDPOINT, Pair, "the PFS that is to follow it", '"/Backup2/pfs/test"'),
    Key("enabled", _FLAG, Pair, "false: the pair is known, and left alone"),
    Key("notify", _FLAG, Pair, "false: no alarm is raised for the pair"),
    Key("rotate", _ROTATION, Pair, "slaves that take turns: true, or all their paths"),
    Key("delay", _WHOLE_SECONDS, StreamOptions, "rest between two batches of a bulk (hammer -i)"),
    Key("following_delay", _WHOLE_SECONDS, StreamOptions, "the same while the slave follows"),
    Key("bandwidth", _SIZE, StreamOptions, "limit per second", '"20m"'),
    Key("split", _SIZE, StreamOptions, "slice of a bulk, its restart points (hammer -S)"),
    Key("gear", _choice(GearChoice), StreamOptions, "bulk keeps restart points, less fresh"),
    Key("bulk_after", _DURATION, StreamOptions, "from which lag on restart points are kept"),
    Key("lag_warning", _DURATION, Thresholds, "from which lag on health is a warning"),
    Key("lag_critical", _DURATION, Thresholds, "from which lag on health is critical"),
    Key("stall_timeout", _DURATION, Timing, "no progress for so long: the stream is restarted"),
    Key("prescan_timeout", _DURATION, Timing, "the same before a bulk, without any CPU time"),
    Key("mount_grace", _DURATION, Timing, "how long a file system may be unmounted"),
    Key("healthy_after", _DURATION, Timing, "a stream that lived so long forgives failures"),
    Key("backoff_initial", _DURATION, Timing, "wait after the first failure"),
    Key("backoff_max", _DURATION, Timing, "longest wait between two attempts"),
    Key("stop_grace", _DURATION, Timing, "time between TERM and KILL"),
    Key("probe_timeout", _DURATION, Timing, "how long pfs-status may take"),
    Key("launch_timeout", _DURATION, Timing, "how long a stream may take to its first output"),
    Key("flush_every", _DURATION, Timing, "both file systems are flushed so often", '"10s"'),
    Key("verify_every", _LONG_DURATION, Timing, "both ends are compared so often", '"7d"'),
    _ssh_key("ssh", _PATH, "the ssh program"),
    _ssh_key("ssh_user", _SSH_USER, "who logs in, where an end names nobody", '"root"'),
    _ssh_key("ssh_port", _PORT, "the port of the other host's sshd", "22"),
    _ssh_key("ssh_identity", _PATH, "the private key to log in with", '"/root/.ssh/hammerd"'),
    _ssh_key("ssh_admin_identity", _PATH, "the key of provision's steps", '"/root/.ssh/admin"'),
    _ssh_key("ssh_admin_user", _SSH_USER, "who logs in with that key", '"root"'),
    _ssh_key("ssh_options", _SSH_OPTIONS, "more options of ssh_config(5)"),
    _ssh_key("ssh_known_hosts", _PATH, "the file of host keys", '"/etc/ssh/hammerd_known_hosts"'),
    _ssh_key("remote_hammer", _REMOTE_PROGRAM, "the hammer of the other host"),
    _ssh_key("remote_hammerd", _REMOTE_PROGRAM, "the hammerd of the other host, for verify"),
    _ssh_key("compress", _FLAG, "ssh compresses what it sends"),
    _ssh_key("probe_remote", _FLAG, "the other host is asked for its TIDs too"),
    _ssh_key("remote_guard", _FLAG, "a slave there is locked by its writer"),
    Key("remote_drain", _DURATION, Timing, "how long a slave there rests that had no lock"),
)

RECEIVER_KEYS: tuple[Key, ...] = (
    Key(
        "command",
        _COMMAND,
        Receiver,
        "what is run for each notification",
        '["/usr/local/etc/hammerd/notify.d/mail", "root"]',
    ),
    Key("level", _choice(AlarmLevel), Receiver, "the least alarm that it is run for"),
    Key("timeout", _DURATION, Receiver, "how long it may run"),
)
"""The keys of [notify.NAME], which stand in [notify] as well."""

NOTIFY_KEYS: tuple[Key, ...] = (
    *RECEIVER_KEYS,
    Key("after", _COUNT, NotifyConfig, "samples in a row with a fault before it is an alarm"),
    Key("repeat_every", _DURATION, NotifyConfig, "an alarm that lasts is repeated so often"),
    Key(
        "heartbeat",
        _COMMAND,
        NotifyConfig,
        "what is run while all is well",
        '["/usr/local/etc/hammerd/notify.d/heartbeat", "https://hc-ping.com/UUID"]',
    ),
    Key("heartbeat_every", _DURATION, NotifyConfig, "how often it is run"),
)
