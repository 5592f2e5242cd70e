"""Defines a pair as configured: its endpoints, options, timing and thresholds.

core/config/reader.py makes these values, core/pair/machine.py acts on them.
"""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of a pair in hammer's form: a PFS path, on this machine or on another host."""

    path: str
    host: str | None = None
    user: str | None = None

    @property
    def is_remote(self) -> bool:
        """Whether hammer reaches this endpoint through ssh."""
        return self.host is not None

    @property
    def login(self) -> str:
        """The part before the path, `[user@]host`; empty for an endpoint on this machine."""
        if self.host is None:
            return ""
        return f"{self.user}@{self.host}" if self.user else self.host

    def __str__(self) -> str:
        return f"{self.login}:{self.path}" if self.is_remote else self.path


class Gear(StrEnum):
    """The mode of a stream: with a restart point every split size, or with -B and less lag."""

    BULK = "bulk"
    FOLLOWING = "following"


class GearChoice(StrEnum):
    """The configured gear: change it as needed, or stay in bulk."""

    AUTO = "auto"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """The options with which a pair's mirror-stream is started.

    `following_delay_s` is the delay in following gear: a flush publishes its first TIDs before
    its data, and a stream that such a TID woke waits this long before it copies the data.
    """

    delay_s: int = 5
    bandwidth_bytes: int | None = None
    split_bytes: int = 4 << 30
    gear: GearChoice = GearChoice.AUTO
    bulk_after_s: float = 600.0
    following_delay_s: int = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """The time limits and intervals of a pair, in seconds."""

    stall_timeout_s: float = 600.0
    prescan_timeout_s: float = 3600.0
    mount_grace_s: float = 600.0
    healthy_after_s: float = 60.0
    backoff_initial_s: float = 1.0
    backoff_max_s: float = 300.0
    stop_grace_s: float = 5.0
    probe_timeout_s: float = 20.0
    launch_timeout_s: float = 60.0
    flush_every_s: float | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The lags from which a pair's health is a warning or critical, in seconds."""

    lag_warning_s: float = 300.0
    lag_critical_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A master PFS and the slave PFS that follows it."""

    name: str
    master: Endpoint
    slave: Endpoint
    enabled: bool = True
    options: StreamOptions = field(default_factory=StreamOptions)
    timing: Timing = field(default_factory=Timing)
    thresholds: Thresholds = field(default_factory=Thresholds)


def has_remote_endpoint(pair: Pair) -> bool:
    """Return whether an endpoint of a pair is on another host, so that its stream needs ssh."""
    return pair.master.is_remote or pair.slave.is_remote
