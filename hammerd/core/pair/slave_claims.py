"""Holds the claims on slaves: HAMMER locks no slave, and two writers move its TID backwards.

A slave has several keys (its paths, and its unique-uuid once it was probed); two claims that share
a key are claims on the same slave. An owner is a live group: a pair's, an orphan's of a killed
hammerd, or a foreign one. A launch takes a slave, or gets the name of its holder. Later readings
add keys to claims; then two claims may turn out to be on the same slave.

On another host a writer may outlive its group here. So a slave there drains after its group, if
nothing shows that the writer held the lock of the slave: it is nobody's, and no launch takes it.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hammerd.core.hosts.host import THIS_HOST
from hammerd.core.pairs import Endpoint

UUID_KEY = "uuid:"


class Resource(StrEnum):
    """A resource that a launch queues for.

    SLAVE: another owner holds it, and it has one owner at a time. DRAIN: the slave drains.
    """

    SLAVE = "slave"
    DRAIN = "drain"


def slave_keys(names: Iterable[Endpoint], unique_uuid: str | None) -> frozenset[str]:
    """Return the keys of a slave with these names; it has no uuid before its first probe.

    How its host is reached is no part of a key: the slave is the same. A uuid belongs to a host:
    a copy of a whole disk in another host has the same ones.
    """
    by_name = {name.key for name in names}
    keys = {f"path:{host}:{path}" if host else f"path:{path}" for host, path in by_name}
    if unique_uuid:
        hosts = {host for host, _ in by_name} or {THIS_HOST.key}
        keys |= {_uuid_key(host, unique_uuid) for host in hosts}
    return frozenset(keys)


def _uuid_key(host: str, unique_uuid: str) -> str:
    return f"{UUID_KEY}{unique_uuid}@{host}" if host else f"{UUID_KEY}{unique_uuid}"


def is_far(keys: Iterable[str]) -> bool:
    """Return whether keys of a slave name another host."""
    return any(key.startswith("path:") and not key.startswith("path:/") for key in keys)


@dataclass(frozen=True, slots=True)
class Claim:
    """A live group that writes to a slave; `owner` names it for people.

    `drain_s`: the slave drains for so long after this group, unless its far half held the lock.
    `drains_unlived`: also if the stream printed no sign of life. `is_plan`: the owner is no group,
    but a plan that changes the endpoint.
    """

    owner: str
    keys: frozenset[str]
    drain_s: float = 0.0
    drains_unlived: bool = False
    is_plan: bool = False


@dataclass(frozen=True, slots=True)
class Drain:
    """A slave on another host whose last writer may live on there until `until_at`."""

    keys: frozenset[str]
    until_at: float


@dataclass(frozen=True, slots=True)
class Busy:
    """A launch must wait: `owner` holds what it needs, or had it last."""

    resource: Resource
    owner: str


def uuid_of(claim: Claim) -> str | None:
    """Return the unique-uuid of the claimed slave, None if unknown."""
    found = (key.removeprefix(UUID_KEY) for key in claim.keys if key.startswith(UUID_KEY))
    return next((uuid.partition("@")[0] for uuid in found), None)


@dataclass(slots=True)
class SlaveClaims:
    """The claims that are held, the slaves that drain, the queue for slaves by arrival."""

    _claims: dict[str, Claim] = field(default_factory=dict)
    _queue: dict[str, frozenset[str]] = field(default_factory=dict)
    _drains: list[Drain] = field(default_factory=list)
    _await_drains: set[str] = field(default_factory=set)

    def take(self, claim: Claim) -> Busy | None:
        """Give the slave to `claim`, or queue for it and return the reason."""
        busy = self._busy(claim.keys, but=claim.owner)
        if busy is None:
            self._claims[claim.owner] = claim
            self._queue.pop(claim.owner, None)
        else:
            self._queue.setdefault(claim.owner, claim.keys)
        if busy is not None and busy.resource is Resource.DRAIN:
            self._await_drains.add(claim.owner)
        else:
            self._await_drains.discard(claim.owner)
        return busy

    def _busy(self, keys: frozenset[str], *, but: str = "") -> Busy | None:
        if (holder := self.holder(keys, but=but)) is not None:
            return Busy(Resource.SLAVE, holder.owner)
        is_draining = any(drain.keys & keys for drain in self._drains)
        return Busy(Resource.DRAIN, "an earlier writer") if is_draining else None

    def hold(self, claim: Claim) -> None:
        """Record a group that already writes to a slave, even beside another; it never queues."""
        self._claims[claim.owner] = claim

    def holder(self, keys: frozenset[str], *, but: str = "") -> Claim | None:
        """Return a claim on a slave by another owner than `but`, None without one."""
        return next(
            (held for held in self._claims.values() if held.owner != but and held.keys & keys),
            None,
        )

    def plans(self) -> frozenset[str]:
        """Return the owners that are plans."""
        return frozenset(owner for owner, claim in self._claims.items() if claim.is_plan)

    def draining_until_at(self, keys: frozenset[str]) -> float | None:
        """Return when a slave has drained, None if it does not drain."""
        return max((one.until_at for one in self._drains if one.keys & keys), default=None)

    def held_by(self, owner: str) -> Claim | None:
        """Return the claim of an owner, None without one."""
        return self._claims.get(owner)

    def rekey(
        self, slaves: Iterable[tuple[frozenset[str], frozenset[str]]], *, but: Collection[str] = ()
    ) -> None:
        """Add all keys of a slave to the claims and waits that have one of its lasting keys.

        `slaves` are the lasting keys and all keys of each; the owners in `but` are left alone.
        """
        known: dict[str, set[str]] = {}
        held = ((owner, claim.keys) for owner, claim in self._claims.items())
        for owner, keys in (*held, *self._queue.items()):
            for key in keys if owner not in but else ():
                known.setdefault(key, set()).add(owner)
        for lasting, keys in slaves:
            for owner in {owner for key in lasting for owner in known.get(key, ())}:
                if (claim := self._claims.get(owner)) is not None:
                    self._claims[owner] = replace(claim, keys=claim.keys | keys)
                if owner in self._queue:
                    self._queue[owner] |= keys

    def conflicts(self) -> Iterator[tuple[Claim, Claim]]:
        """Yield each two claims on the same slave, the older one first."""
        holders: dict[str, Claim] = {}
        for claim in self._claims.values():
            others = {holders.setdefault(key, claim).owner for key in claim.keys} - {claim.owner}
            yield from ((self._claims[other], claim) for other in sorted(others))

    def leave_queue(self, owner: str) -> None:
        """Remove an owner from the queue."""
        self._queue.pop(owner, None)
        self._await_drains.discard(owner)

    def release(self, owner: str, *, drains_until_at: float | None = None) -> None:
        """Remove the claim of an owner whose group is empty; its slave may drain until then."""
        claim = self._claims.pop(owner, None)
        if claim is not None and drains_until_at is not None:
            self.drain(claim.keys, drains_until_at)

    def drain(self, keys: frozenset[str], until_at: float) -> None:
        """Keep a slave from all launches until then."""
        self._drains.append(Drain(keys, until_at))

    def end_drains(self, now_at: float) -> None:
        """Free the slaves that have drained."""
        self._drains = [drain for drain in self._drains if drain.until_at > now_at]

    def drained_at(self) -> float | None:
        """Return when the next slave in the queue has drained, None if none of them drains."""
        return min(
            (
                drain.until_at
                for drain in self._drains
                if any(drain.keys & keys for keys in self._queue.values())
            ),
            default=None,
        )

    def unblocked(self) -> Iterable[str]:
        """Return the owners in the queue whose slave is free, in order of arrival.

        Also those whose slave has no holder any more and drains: their next take() tells them.
        """
        return [owner for owner, keys in self._queue.items() if self._is_news(owner, keys)]

    def _is_news(self, owner: str, keys: frozenset[str]) -> bool:
        busy = self._busy(keys)
        if busy is None:
            return True
        return busy.resource is Resource.DRAIN and owner not in self._await_drains
