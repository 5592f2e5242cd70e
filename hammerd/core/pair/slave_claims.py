"""Who owns a slave: nothing in HAMMER locks one, and two writers move its TID backwards.

A slave is known by several keys at once (its paths, and its unique-uuid once it was probed); two
claims that share a key are claims on the same slave. An owner is a live group: a pair's, an
orphan's of a killed hammerd, or a foreign one. Launches take a slave, or learn who holds it. What
is read later adds keys to claims, and so may make two of them one.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from hammerd.core.pairs import Endpoint

UUID_KEY = "uuid:"


class Resource(StrEnum):
    """What a launch needs for itself, and queues for while another owner holds it."""

    SLAVE = "slave"


def slave_keys(names: Iterable[Endpoint], unique_uuid: str | None) -> frozenset[str]:
    """Return the keys by which a slave of these names is known; no uuid before any probe.

    As whom ssh logs in does not make it another slave.
    """
    keys = {f"path:{replace(name, user=None)}" for name in names}
    if unique_uuid:
        keys.add(f"{UUID_KEY}{unique_uuid}")
    return frozenset(keys)


@dataclass(frozen=True, slots=True)
class Claim:
    """A live group that writes to a slave; `owner` names it for people."""

    owner: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Busy:
    """A launch must wait: `owner` holds what it needs."""

    resource: Resource
    owner: str


def uuid_of(claim: Claim) -> str | None:
    """Return the unique-uuid of the slave that is claimed, None where it is not known."""
    uuids = (key.removeprefix(UUID_KEY) for key in claim.keys if key.startswith(UUID_KEY))
    return next(uuids, None)


@dataclass(slots=True)
class SlaveClaims:
    """The claims that are held, and who queues for a slave, in order of arrival."""

    _claims: dict[str, Claim] = field(default_factory=dict)
    _queue: dict[str, frozenset[str]] = field(default_factory=dict)

    def take(self, claim: Claim) -> Busy | None:
        """Give the slave to `claim`, or return who holds it and queue for it."""
        holder = self.holder(claim.keys, but=claim.owner)
        if holder is None:
            self._claims[claim.owner] = claim
            self._queue.pop(claim.owner, None)
        else:
            self._queue.setdefault(claim.owner, claim.keys)
        return None if holder is None else Busy(Resource.SLAVE, holder.owner)

    def hold(self, claim: Claim) -> None:
        """Record a group that writes to a slave already, whoever else does: it never queues."""
        self._claims[claim.owner] = claim

    def holder(self, keys: frozenset[str], *, but: str = "") -> Claim | None:
        """Return who holds a slave, other than `but`."""
        return next(
            (held for held in self._claims.values() if held.owner != but and held.keys & keys),
            None,
        )

    def held_by(self, owner: str) -> Claim | None:
        """Return the claim of an owner, None when it holds none."""
        return self._claims.get(owner)

    def rekey(
        self, slaves: Iterable[tuple[frozenset[str], frozenset[str]]], *, but: Collection[str] = ()
    ) -> None:
        """Let claims and waits that share one of a slave's lasting keys be known by all its keys.

        `slaves` are the lasting keys and all keys of each; the owners in `but` are left alone.
        """
        known: dict[str, set[str]] = {}
        for owner, keys in (*self._held_keys(), *self._queue.items()):
            for key in keys if owner not in but else ():
                known.setdefault(key, set()).add(owner)
        for lasting, keys in slaves:
            for owner in {owner for key in lasting for owner in known.get(key, ())}:
                if (claim := self._claims.get(owner)) is not None:
                    self._claims[owner] = replace(claim, keys=claim.keys | keys)
                if owner in self._queue:
                    self._queue[owner] |= keys

    def conflicts(self) -> Iterator[tuple[Claim, Claim]]:
        """Yield claims on the same slave, two and two, the older one first."""
        holders: dict[str, Claim] = {}
        for claim in self._claims.values():
            others = {holders.setdefault(key, claim).owner for key in claim.keys} - {claim.owner}
            yield from ((self._claims[other], claim) for other in sorted(others))

    def _held_keys(self) -> Iterator[tuple[str, frozenset[str]]]:
        return ((owner, claim.keys) for owner, claim in self._claims.items())

    def leave_queue(self, owner: str) -> None:
        """Forget that an owner waits for a slave."""
        self._queue.pop(owner, None)

    def release(self, owner: str) -> None:
        """Give up what an owner holds; its group is empty."""
        self._claims.pop(owner, None)

    def unblocked(self) -> Iterable[str]:
        """Return those in the queue whose slave nobody holds any more, in order of arrival."""
        return [owner for owner, keys in self._queue.items() if self.holder(keys) is None]
