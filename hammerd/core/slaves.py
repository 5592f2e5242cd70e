"""Who owns a slave: nothing in HAMMER locks one, and two writers move its TID backwards.

A slave is known by several keys at once (its path, and its unique-uuid once it was probed); two
claims that share a key are claims on the same slave. An owner is a live group: a pair's, an
orphan's of a killed hammerd, or a foreign one. Launches take a slave, or learn who holds it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hammerd.core.pairs import Endpoint


def slave_keys(slave: Endpoint, unique_uuid: str | None) -> frozenset[str]:
    """Return the keys by which a slave is known; the uuid is None before any probe.

    As whom ssh logs in does not make it another slave.
    """
    keys = {f"path:{replace(slave, user=None)}"}
    if unique_uuid:
        keys.add(f"uuid:{unique_uuid}")
    return frozenset(keys)


@dataclass(frozen=True, slots=True)
class Claim:
    """A live group that writes to a slave; `owner` names it for people."""

    owner: str
    keys: frozenset[str]


@dataclass(slots=True)
class Slaves:
    """The claims that are held, and who queues for a slave, in order of arrival."""

    _claims: dict[str, Claim] = field(default_factory=dict)
    _queue: dict[str, frozenset[str]] = field(default_factory=dict)

    def take(self, claim: Claim) -> Claim | None:
        """Give the slave to `claim`, or return the claim that holds it and queue for it."""
        holder = self.holder(claim.keys, but=claim.owner)
        if holder is None:
            self._claims[claim.owner] = claim
            self._queue.pop(claim.owner, None)
        else:
            self._queue.setdefault(claim.owner, claim.keys)
        return holder

    def hold(self, claim: Claim) -> None:
        """Record a group that writes to a slave already, whoever else does: it never queues."""
        self._claims[claim.owner] = claim

    def holder(self, keys: frozenset[str], *, but: str = "") -> Claim | None:
        """Return who holds a slave, other than `but`."""
        return next(
            (held for held in self._claims.values() if held.owner != but and held.keys & keys),
            None,
        )

    def leave_queue(self, owner: str) -> None:
        """Forget that an owner waits for a slave."""
        self._queue.pop(owner, None)

    def release(self, owner: str) -> None:
        """Give up what an owner holds; its group is empty."""
        self._claims.pop(owner, None)

    def unblocked(self) -> Iterable[str]:
        """Return those in the queue whose slave nobody holds any more, in order of arrival."""
        return [owner for owner, keys in self._queue.items() if self.holder(keys) is None]
