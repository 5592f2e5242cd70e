"""What the operator asked for: endpoints, pairs, and the numbers that steer them.

Values only: core/config/reader.py makes them, core/pair/machine.py acts on them.
"""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a pair as hammer takes it: a PFS path, here or on another host."""

    path: str
    host: str | None = None
    user: str | None = None

    @property
    def is_remote(self) -> bool:
        """Whether hammer reaches this end through ssh."""
        return self.host is not None

    @property
    def login(self) -> str:
        """Return `[user@]host`, or an empty string for an end on this machine."""
        if self.host is None:
            return ""
        return f"{self.user}@{self.host}" if self.user else self.host

    def __str__(self) -> str:
        return f"{self.login}:{self.path}" if self.is_remote else self.path


class Gear(StrEnum):
    """How a stream runs: with restart points every split size, or with -B and fresh."""

    BULK = "bulk"
    FOLLOWING = "following"


class GearChoice(StrEnum):
    """What the operator says about gears: change them as needed, or stay in bulk."""

    AUTO = "auto"
    BULK = "bulk"


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """The options that a pair's mirror-stream is started with.

    `following_delay_s` is the delay in following gear: a flush publishes its first TIDs before
    its data, and a stream that such a TID woke rests this long before it copies the data.
    """

    delay_s: int = 5
    bandwidth_bytes: int | None = None
    split_bytes: int = 4 << 30
    gear: GearChoice = GearChoice.AUTO
    bulk_after_s: float = 600.0
    following_delay_s: int = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a pair may take over things, in seconds."""

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
    """From which lag on a pair's health is a warning or critical, in seconds."""

    lag_warning_s: float = 300.0
    lag_critical_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Pair:
    """One master PFS and the slave PFS that is to follow it."""

    name: str
    master: Endpoint
    slave: Endpoint
    enabled: bool = True
    options: StreamOptions = field(default_factory=StreamOptions)
    timing: Timing = field(default_factory=Timing)
    thresholds: Thresholds = field(default_factory=Thresholds)


def has_remote_endpoint(pair: Pair) -> bool:
    """Tell whether an end of a pair is on another host, so that its stream logs in there."""
    return pair.master.is_remote or pair.slave.is_remote
