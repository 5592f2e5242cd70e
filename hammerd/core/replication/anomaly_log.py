"""Keeps the anomalies of endpoints for each pair, until a person acknowledges them.

    master.tid_went_back      a crash, a restore, a new file system
    slave.tid_went_back       two writers, a restore
    slave.tid_jumped          the TID moved, and no stream of ours moved it: a foreign writer
    end.role_changed          the PFS was promoted or demoted
    end.uuid_changed          another PFS is at this path: it has another unique-uuid
    end.shared_uuid_changed   the PFS belongs to another mirror now

core/replication/anomaly_detector.py finds them.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import count

from hammerd.core.pairs import Endpoint, Pair

MAX_KEPT = 20
"""The number of anomalies of one endpoint that are kept; older ones are in the log file only."""


class AnomalyName(StrEnum):
    """The kind of an anomaly."""

    MASTER_TID_WENT_BACK = "master.tid_went_back"
    SLAVE_TID_WENT_BACK = "slave.tid_went_back"
    SLAVE_TID_JUMPED = "slave.tid_jumped"
    ROLE_CHANGED = "end.role_changed"
    UUID_CHANGED = "end.uuid_changed"
    SHARED_UUID_CHANGED = "end.shared_uuid_changed"


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An anomaly of an endpoint, first found at `at` (monotonic).

    `number` grows with each anomaly of this run; it is 0 for one that an earlier run saved.
    """

    name: AnomalyName
    endpoint: Endpoint
    before: str
    after: str
    at: float
    number: int = 0


def concerns(anomaly: Anomaly, pair: Pair) -> bool:
    """Return whether an anomaly is one of a pair: in a cascade an endpoint has two roles."""
    is_slave_s = anomaly.endpoint == pair.slave and not anomaly.name.startswith("master.")
    is_master_s = anomaly.endpoint == pair.master and not anomaly.name.startswith("slave.")
    return is_slave_s or is_master_s


@dataclass(slots=True)
class AnomalyLog:
    """The anomalies of this run by endpoint, and those of an earlier run by pair."""

    _of_endpoints: dict[Endpoint, list[Anomaly]] = field(default_factory=dict)
    _restored: dict[str, tuple[Anomaly, ...]] = field(default_factory=dict)
    _acknowledged: dict[str, int] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def add(
        self, name: AnomalyName, endpoint: Endpoint, before: str, after: str, at: float
    ) -> Anomaly:
        """Add an anomaly of an endpoint, with the next number."""
        anomaly = Anomaly(name, endpoint, before, after, at, next(self._numbers))
        self._of_endpoints[endpoint] = [*self._of_endpoints.get(endpoint, ()), anomaly][-MAX_KEPT:]
        return anomaly

    def extend(self, name: AnomalyName, endpoint: Endpoint, after: str) -> bool:
        """Change `after` of an endpoint's newest anomaly; return False if its name is different.

        An anomaly that a pair has acknowledged is not changed: False, too.
        """
        anomalies = self._of_endpoints.get(endpoint, [])
        acknowledged = max(self._acknowledged.values(), default=0)
        if not anomalies or anomalies[-1].name is not name or anomalies[-1].number <= acknowledged:
            return False
        anomalies[-1] = replace(anomalies[-1], after=after)
        return True

    def anomalies_of(self, pair: Pair) -> tuple[Anomaly, ...]:
        """Return the anomalies of a pair's endpoints since the last acknowledgement."""
        found = [
            *self._of_endpoint(pair, pair.master, "slave."),
            *self._of_endpoint(pair, pair.slave, "master."),
        ]
        return tuple(sorted(found, key=lambda anomaly: anomaly.number))

    def acknowledge(self, pair: Pair) -> int:
        """Drop all anomalies of a pair so far; return how many there were."""
        anomalies = self.anomalies_of(pair)
        known = self._acknowledged.get(pair.name, 0)
        self._acknowledged[pair.name] = max([known, *(each.number for each in anomalies)])
        self._restored.pop(pair.name, None)
        return len(anomalies)

    def restore(self, pair: str, anomalies: Iterable[Anomaly]) -> None:
        """Take over the anomalies of a pair that an earlier run saved, the oldest first."""
        self._restored[pair] = tuple(replace(each, number=0) for each in anomalies)

    def forget_swaps(self, slave: Endpoint, disks: Collection[str]) -> None:
        """Drop the changes of a slave's uuid from one of these disks to another."""
        self._of_endpoints[slave] = _without_swaps(self._of_endpoints.get(slave, ()), slave, disks)
        for pair, anomalies in self._restored.items():
            self._restored[pair] = tuple(_without_swaps(anomalies, slave, disks))

    def forget(self, pair: str) -> None:
        """Forget a pair that was removed."""
        self._acknowledged.pop(pair, None)
        self._restored.pop(pair, None)

    def forget_all_but(self, endpoints: Collection[Endpoint]) -> None:
        """Forget the endpoints that no pair has any more."""
        for removed in self._of_endpoints.keys() - endpoints:
            del self._of_endpoints[removed]

    def _of_endpoint(self, pair: Pair, endpoint: Endpoint, other_role: str) -> list[Anomaly]:
        since = self._acknowledged.get(pair.name, 0)
        restored = (
            each for each in self._restored.get(pair.name, ()) if each.endpoint == endpoint
        )
        new = (each for each in self._of_endpoints.get(endpoint, ()) if each.number > since)
        found = [each for each in (*restored, *new) if not each.name.startswith(other_role)]
        return found[-MAX_KEPT:]


def _without_swaps(
    anomalies: Iterable[Anomaly], slave: Endpoint, disks: Collection[str]
) -> list[Anomaly]:
    return [
        each
        for each in anomalies
        if each.endpoint != slave
        or each.name is not AnomalyName.UUID_CHANGED
        or not {each.before, each.after} <= {*disks}
    ]
