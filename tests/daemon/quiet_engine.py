"""A real engine whose probes get no answer and whose streams cannot be launched."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from hammerd.core.api.pair_report import Extras
from hammerd.core.errors import SpawnError
from hammerd.core.pair.events import GroupEmpty
from hammerd.core.pair.slave_claims import Claim, SlaveClaims, slave_keys
from hammerd.core.pairs import Pair
from hammerd.daemon.logging.journal import Journal
from hammerd.daemon.readings.store import ReadingStore
from hammerd.daemon.supervisor.engine import Engine, EngineParts, Inbox


class NoStreams:
    """No pair has a stream."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def launch(
        self, _pair: str, argv: tuple[str, ...], _env: Mapping[str, str], _claim: Claim
    ) -> int:
        raise SpawnError(f"{argv[0]} could not be started", "this is a test", 2)

    def of(self, _pair: str) -> None:
        return None

    def terminate(self, pair: str) -> None:
        self._inbox.post(pair, GroupEmpty())

    kill = terminate


class Prober:
    """Keeps the names of the pairs that were probed, and answers none."""

    def __init__(self) -> None:
        self.probed: list[str] = []

    def probe(self, pair: Pair) -> None:
        self.probed.append(pair.name)

    glance = probe

    def slave_keys(self, pair: Pair) -> frozenset[str]:
        return slave_keys((pair.slave,), None)

    def as_targets(self, pair: Pair) -> Pair:
        return pair


def quiet_engine(
    journal: Journal,
    readings: ReadingStore,
    prober: Prober | None = None,
    slaves: SlaveClaims | None = None,
) -> Engine:
    """Return an engine without pairs, on the running loop."""
    inbox = Inbox()
    parts = EngineParts(
        inbox,
        cast(Any, NoStreams(inbox)),
        prober or Prober(),
        readings,
        slaves or SlaveClaims(),
        journal,
        lambda _pair: Extras(),
        "/sbin/hammer",
        lambda _pair, _gear: {},
    )
    return Engine(asyncio.get_running_loop(), parts, lambda _pair, _failures: 3600.0)
