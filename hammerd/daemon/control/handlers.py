"""Handles the requests that arrive on the sockets."""

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import assert_never

from hammerd import __version__
from hammerd.core.api import protocol
from hammerd.core.api.status_json import Json, Snapshot, pair_json, pairs_json, status_json
from hammerd.core.exit_codes import Exit
from hammerd.core.pair.events import Acknowledged, Event, RestartAsked, StartAsked, StopAsked
from hammerd.core.pair.latches import latch_cause
from hammerd.core.pair.states import Paused
from hammerd.core.replication.promotions import promotion_note
from hammerd.core.tid import format_tid
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.supervisor.engine import Engine
from hammerd.daemon.timing.clock import Clock

_LEAVE_DISABLED = frozenset({protocol.Verb.PAUSE, protocol.Verb.RESUME, protocol.Verb.RESTART})
"""Verbs that are refused for a disabled pair that is named, and skip it otherwise."""

DescribeDaemon = Callable[[], Mapping[str, object]]
Save = Callable[[], Awaitable[str | None]]
"""Waits until all changes are saved; returns why they are not, None if they are."""


class Handlers:
    """Turns requests into events for pairs, and lives of pairs into replies."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        describe: DescribeDaemon,
        save: Save,
        reload: Callable[[], Awaitable[protocol.Reply]],
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._describe = describe
        self._save = save
        self._reload = reload
        self.on_acknowledged: Callable[[str], None] = lambda _pair: None

    async def answer(self, request: protocol.Request) -> protocol.Reply:
        """Carry out a request for the named pairs, or for all, and save what it changed.

        `unsaved_because` in the answer is why that could not be saved.
        """
        if refusal := self._refusal(request):
            return refusal
        is_reload = request.verb is protocol.Verb.RELOAD
        reply = await self._reload() if is_reload else self._answer(request)
        if request.verb in protocol.READ_VERBS or isinstance(reply, protocol.Refusal):
            return reply
        return protocol.Answer({**reply.data, "unsaved_because": await self._save()})

    def _names(self) -> tuple[str, ...]:
        return tuple(life.pair.name for life in self._engine.lives())

    def _refusal(self, request: protocol.Request) -> protocol.Refusal | None:
        if refusal := protocol.refuse_unknown(request.pairs, self._names()):
            return refusal
        if request.verb in _LEAVE_DISABLED and (refusal := self._refuse_disabled(request.pairs)):
            return refusal
        if self._describe()["state"] == "stopping" and request.verb not in protocol.READ_VERBS:
            return protocol.STOPPING
        if request.verb is protocol.Verb.RELOAD and request.pairs:
            return protocol.Refusal("a reload is of the whole config", "name no pair")
        return None

    def _answer(self, request: protocol.Request) -> protocol.Reply:
        pairs = request.pairs or self._names()
        match request.verb:
            case protocol.Verb.PING:
                return protocol.Answer({"pid": os.getpid(), "version": __version__})
            case protocol.Verb.STATUS:
                return protocol.Answer(self.status(pairs))
            case protocol.Verb.PAUSE:
                return self._pause(pairs, request.for_s)
            case protocol.Verb.RESUME:
                return self._resume(pairs)
            case protocol.Verb.RESTART:
                return self._restart(pairs, are_named=bool(request.pairs))
            case protocol.Verb.ACK:
                return self._acknowledge(pairs)
            case protocol.Verb.RELOAD:
                raise AssertionError("a reload waits for the disk: answer() does it")
            case _:
                assert_never(request.verb)

    def status(self, pairs: tuple[str, ...]) -> Json:
        """Return the status of these pairs; its health is the worst of theirs and the daemon's."""
        snapshot, to_time = self._snapshot(pairs), self._clock.rfc3339
        return status_json(snapshot, pairs_json(snapshot, to_time), to_time)

    def snapshot(self) -> Snapshot:
        """Return the values of the status of all pairs."""
        return self._snapshot(self._names())

    def _snapshot(self, pairs: tuple[str, ...]) -> Snapshot:
        daemon = {**self._describe(), "version": __version__, "pid": os.getpid()}
        reports = tuple(self._engine.report(name) for name in pairs)
        return Snapshot(daemon, reports, self._clock.now().at)

    def log_status(self, log: Logger) -> None:
        """Write the status of every pair into the log."""
        for life in self._engine.lives():
            report = self._engine.report(life.pair.name)
            fields = pair_json(report, self._clock.now().at, self._clock.rfc3339)
            log.info("pair.status", **fields)

    def _refuse_disabled(self, named: tuple[str, ...]) -> protocol.Refusal | None:
        disabled = [name for name in named if not self._engine.life(name).pair.enabled]
        if not disabled:
            return None
        hint = 'take out enabled = false, then "hammerd reload"'
        return protocol.Refusal(
            f"disabled in the config: {', '.join(disabled)}", hint, Exit.UNAVAILABLE
        )

    def _resume(self, pairs: tuple[str, ...]) -> protocol.Answer:
        """Start pairs again; the answer lists the findings for those that a latch held."""
        found = {name: findings for name in pairs if (findings := list(self._findings(name)))}
        return protocol.Answer({**self._post(pairs, StartAsked()).data, "found": found})

    def _findings(self, name: str) -> Iterator[str]:
        """Describe what was read of the endpoints of a pair that a latch holds."""
        report, to_time = self._engine.report(name), self._clock.rfc3339
        memory, pair = report.life.memory, report.life.pair
        if latch_cause(memory) is None:
            return
        if memory.promotion is not None:
            yield promotion_note(memory.promotion, pair, to_time(memory.promotion.since_at))
        if memory.is_diverged:
            yield f"slave {pair.slave} was ahead of master {pair.master}"
        for one in report.extras.anomalies:
            change = f"{one.endpoint} was {one.before}, then {one.after}"
            yield f"{one.name} at {to_time(one.at)}: {change}"
        for endpoint, tid in (
            (f"master {pair.master}", report.master_tid),
            (f"slave {pair.slave}", report.slave_tid),
        ):
            yield f"last TID seen of {endpoint}: {'none' if tid is None else format_tid(tid)}"

    def _restart(self, pairs: tuple[str, ...], *, are_named: bool) -> protocol.Reply:
        paused = tuple(
            name for name in pairs if isinstance(self._engine.life(name).memory.wanted, Paused)
        )
        if paused and are_named:
            hint = f'"hammerd resume {" ".join(paused)}" starts what is paused'
            return protocol.Refusal(f"paused: {', '.join(paused)}", hint, Exit.UNAVAILABLE)
        running = tuple(name for name in pairs if name not in paused)
        done = self._post(running, RestartAsked())
        return protocol.Answer({**done.data, "left_paused": list(paused)})

    def _acknowledge(self, pairs: tuple[str, ...]) -> protocol.Reply:
        """Remove what was reported from the status, of disabled pairs too: nothing is started."""
        for name in pairs:
            self.on_acknowledged(name)
            self._engine.post(name, Acknowledged())
        return protocol.Answer({"pairs": list(pairs)})

    def _pause(self, pairs: tuple[str, ...], for_s: float | None) -> protocol.Reply:
        until_at = None if for_s is None else self._clock.now().at + for_s
        done = self._post(pairs, StopAsked(Paused(until_at)))
        until_time = None if until_at is None else self._clock.rfc3339(until_at)
        return protocol.Answer({**done.data, "paused_until_time": until_time})

    def _post(self, pairs: tuple[str, ...], event: Event) -> protocol.Answer:
        """Post an event to the enabled ones of these pairs; the answer names them."""
        enabled = [name for name in pairs if self._engine.life(name).pair.enabled]
        for name in enabled:
            self._engine.post(name, event)
        return protocol.Answer({"pairs": enabled})
