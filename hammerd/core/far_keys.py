"""Finds the keys with which a pair reaches other hosts, and what each of them must allow."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hammerd.core.hosts.forced_command import Account, FarEndpoint
from hammerd.core.pairs import Pair


@dataclass(frozen=True, slots=True)
class FarKey:
    """A key of an account, the endpoints that it serves, and the command that restricts it."""

    account: Account
    endpoints: tuple[FarEndpoint, ...]
    command: str


def far_keys(pair: Pair, pairs: Sequence[Pair], owner: str) -> tuple[FarKey, ...]:
    """Return the keys of a pair, master first.

    A key serves all pairs that log in with it to the same account, and one line restricts it for
    all of them: hammerd asks for the status of all their PFSs at once.
    """
    served = [each for each in pairs if each.enabled or each.name == pair.name]
    keys: dict[Account, FarKey] = {}
    for end in (pair.master, pair.slave):
        account = end.host.account
        if account is not None and account not in keys:
            endpoints = tuple(dict.fromkeys(_endpoints(account, served)))
            command = end.host.forced_command(owner, endpoints)
            keys[account] = FarKey(account, endpoints, command)
    return tuple(keys.values())


def _endpoints(account: Account, pairs: Iterable[Pair]) -> Iterator[FarEndpoint]:
    for pair in pairs:
        for end, is_slave in ((pair.master, False), (pair.slave, True)):
            if end.host.account == account:
                yield FarEndpoint(end.path, is_slave)
