"""Defines a pair as configured: its endpoints, options, timing and thresholds.

core/config/reader.py makes these values, core/pair/machine.py acts on them.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from hammerd.core.hosts.host import THIS_HOST, Host


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of a pair: a PFS path, and the host on which it is."""

    path: str
    host: Host = THIS_HOST

    @property
    def key(self) -> tuple[str, str]:
        """The identity of the endpoint: its host and path, however the host is reached."""
        return (self.host.key, self.path)

    def __str__(self) -> str:
        """Return the endpoint in hammer's form, `[[user@]host:]path`."""
        return self.host.operand(self.path)


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
    verify_every_s: float | None = None
    remote_drain_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The lags from which a pair's health is a warning or critical, in seconds."""

    lag_warning_s: float = 300.0
    lag_critical_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Rotation:
    """The slaves of a pair that take turns, if it has such slaves.

    `paths` are all paths at which they are mounted, () for the path of the slave alone.
    `unique_uuids` are those of all the slaves, () for any slave of the master.
    """

    takes_turns: bool = False
    paths: tuple[str, ...] = ()
    unique_uuids: tuple[str, ...] = ()

    def accepts(self, unique_uuid: str) -> bool:
        """Return whether a slave is one of those that take turns."""
        return self.takes_turns and (
            not self.unique_uuids or unique_uuid.lower() in self.unique_uuids
        )


NO_ROTATION = Rotation()


@dataclass(frozen=True, slots=True)
class Pair:
    """A master PFS and the slave PFS that follows it.

    If slaves take turns (`rotate`), `slave` is the path of the one that has its turn. `notify`:
    alarms are raised for the pair.
    """

    name: str
    master: Endpoint
    slave: Endpoint
    enabled: bool = True
    notify: bool = True
    rotate: Rotation = NO_ROTATION
    options: StreamOptions = field(default_factory=StreamOptions)
    timing: Timing = field(default_factory=Timing)
    thresholds: Thresholds = field(default_factory=Thresholds)


def slaves_of(pair: Pair) -> tuple[Endpoint, ...]:
    """Return the paths of all slaves of a pair, in the order of the config."""
    return tuple(Endpoint(path) for path in pair.rotate.paths) or (pair.slave,)


def endpoints_of(pair: Pair) -> tuple[Endpoint, ...]:
    """Return the master of a pair and all its slaves."""
    return (pair.master, *slaves_of(pair))


def turns_of(pair: Pair) -> tuple[Pair, ...]:
    """Return a pair once for each path of its slaves, as if that slave had its turn."""
    return tuple(replace(pair, slave=slave) for slave in slaves_of(pair))


def needs_login(pair: Pair) -> bool:
    """Return whether a pair's stream logs in to another host, which may print anything or hang."""
    return pair.master.host.needs_login or pair.slave.host.needs_login
