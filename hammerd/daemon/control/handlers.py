"""Answers what is asked on the sockets."""

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import assert_never

from hammerd import __version__
from hammerd.core.api.pair_report import Extras
from hammerd.core.api.protocol import (
    READ_VERBS,
    STOPPING,
    Answer,
    Refusal,
    Reply,
    Request,
    Verb,
    refuse_unknown,
)
from hammerd.core.api.status_json import Json, Snapshot, pair_json, pairs_json, status_json
from hammerd.core.exit_codes import Exit
from hammerd.core.pair.events import Acknowledged, Event, RestartAsked, StartAsked, StopAsked
from hammerd.core.pair.latches import latch_of
from hammerd.core.pair.states import Paused
from hammerd.core.replication.promotions import promotion_note
from hammerd.core.tid import format_tid
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.supervisor.engine import Engine
from hammerd.daemon.timing.clock import Clock

_LEAVE_DISABLED = frozenset({Verb.PAUSE, Verb.RESUME, Verb.RESTART})
"""What is refused for a disabled pair that is named, and leaves the others alone."""

DescribeDaemon = Callable[[], Mapping[str, object]]
Save = Callable[[], Awaitable[str | None]]
"""Waits until what changed was saved; returns why it was not."""


async def _no_reload() -> Reply:
    return Answer({})


class Handlers:
    """Turns requests into events of pairs, and their lives into replies."""

    def __init__(self, engine: Engine, clock: Clock, describe: DescribeDaemon, save: Save) -> None:
        self._engine = engine
        self._clock = clock
        self._describe = describe
        self._save = save
        self.on_acknowledged: Callable[[str], None] = lambda _pair: None
        self.on_reload: Callable[[], Awaitable[Reply]] = _no_reload

    async def answer(self, request: Request) -> Reply:
        """Do what is asked, of the named pairs or of all; what is answered outlives us.

        `unsaved_because` in the answer tells why it may not.
        """
        if refusal := self._refusal(request):
            return refusal
        is_reload = request.verb is Verb.RELOAD
        reply = await self.on_reload() if is_reload else self._answer(request)
        if request.verb in READ_VERBS or isinstance(reply, Refusal):
            return reply
        return Answer({**reply.data, "unsaved_because": await self._save()})

    def _known(self) -> tuple[str, ...]:
        return tuple(life.pair.name for life in self._engine.lives())

    def _refusal(self, request: Request) -> Refusal | None:
        if refusal := refuse_unknown(request.pairs, self._known()):
            return refusal
        if request.verb in _LEAVE_DISABLED and (refusal := self._refuse_disabled(request.pairs)):
            return refusal
        if self._describe()["state"] == "stopping" and request.verb not in READ_VERBS:
            return STOPPING
        if request.verb is Verb.RELOAD and request.pairs:
            return Refusal("a reload is of the whole config", "name no pair")
        return None

    def _answer(self, request: Request) -> Reply:
        pairs = request.pairs or self._known()
        match request.verb:
            case Verb.PING:
                return Answer({"pid": os.getpid(), "version": __version__})
            case Verb.STATUS:
                return Answer(self.status(pairs))
            case Verb.PAUSE:
                return self._pause(pairs, request.for_s)
            case Verb.RESUME:
                return self._resume(pairs)
            case Verb.RESTART:
                return self._restart(pairs, are_named=bool(request.pairs))
            case Verb.ACK:
                return self._acknowledge(pairs)
            case Verb.RELOAD:
                raise AssertionError("a reload waits for the disk: on_reload answers it")
            case _:
                assert_never(request.verb)

    def status(self, pairs: tuple[str, ...]) -> Json:
        """Return the status of some pairs; the health is the worst of those and the daemon's."""
        snapshot, to_time = self._snapshot(pairs), self._clock.rfc3339
        return status_json(snapshot, pairs_json(snapshot, to_time), to_time)

    def snapshot(self) -> Snapshot:
        """Return what a status of all pairs is made of."""
        return self._snapshot(self._known())

    def _snapshot(self, pairs: tuple[str, ...]) -> Snapshot:
        daemon = {**self._describe(), "version": __version__, "pid": os.getpid()}
        reports = tuple(self._engine.report(name) for name in pairs)
        return Snapshot(daemon, reports, self._clock.now().at)

    def log_status(self, log: Logger) -> None:
        """Write how every pair fares into the log."""
        for life in self._engine.lives():
            report = self._engine.report(life.pair.name)
            fields = pair_json(report, self._clock.now().at, self._clock.rfc3339)
            log.info("pair.status", **fields)

    def _refuse_disabled(self, named: tuple[str, ...]) -> Refusal | None:
        disabled = [name for name in named if not self._engine.life(name).pair.enabled]
        if not disabled:
            return None
        hint = 'take out enabled = false, then "hammerd reload"'
        return Refusal(f"disabled in the config: {', '.join(disabled)}", hint, Exit.UNAVAILABLE)

    def _resume(self, pairs: tuple[str, ...]) -> Answer:
        """Let pairs run again; of those that a latch held the answer tells what was found."""
        told = {name: list(self._found(name)) for name in pairs}
        done = self._post(pairs, StartAsked())
        return Answer({**done.data, "found": {name: said for name, said in told.items() if said}})

    def _found(self, name: str) -> Iterator[str]:
        """Say what was seen of the ends of a pair that is held."""
        report, to_time = self._engine.report(name), self._clock.rfc3339
        memory, pair = report.life.memory, report.life.pair
        if latch_of(memory) is None:
            return
        if memory.promotion is not None:
            yield promotion_note(memory.promotion, pair, to_time(memory.promotion.since_at))
        if memory.is_diverged:
            yield f"slave {pair.slave} was ahead of master {pair.master}"
        for one in (report.extras or Extras()).anomalies:
            what = f"{one.endpoint} was {one.before}, then {one.after}"
            yield f"{one.name} at {to_time(one.at)}: {what}"
        for role, end, tid in (
            ("master", pair.master, report.master_tid),
            ("slave", pair.slave, report.slave_tid),
        ):
            yield f"last TID seen of {role} {end}: {'none' if tid is None else format_tid(tid)}"

    def _restart(self, pairs: tuple[str, ...], *, are_named: bool) -> Reply:
        paused = tuple(
            name for name in pairs if isinstance(self._engine.life(name).memory.wanted, Paused)
        )
        if paused and are_named:
            hint = f'"hammerd resume {" ".join(paused)}" starts what is paused'
            return Refusal(f"paused: {', '.join(paused)}", hint, Exit.UNAVAILABLE)
        running = tuple(name for name in pairs if name not in paused)
        done = self._post(running, RestartAsked())
        return Answer({**done.data, "left_paused": list(paused)})

    def _acknowledge(self, pairs: tuple[str, ...]) -> Reply:
        """Take what was seen out of the status, of disabled pairs too: it starts nothing."""
        for name in pairs:
            self.on_acknowledged(name)
            self._engine.post(name, Acknowledged())
        return Answer({"pairs": list(pairs)})

    def _pause(self, pairs: tuple[str, ...], for_s: float | None) -> Reply:
        until_at = None if for_s is None else self._clock.now().at + for_s
        done = self._post(pairs, StopAsked(Paused(until_at)))
        until_time = None if until_at is None else self._clock.rfc3339(until_at)
        return Answer({**done.data, "paused_until_time": until_time})

    def _post(self, pairs: tuple[str, ...], event: Event) -> Answer:
        """Let an event happen to those that are enabled; the answer names them."""
        enabled = [name for name in pairs if self._engine.life(name).pair.enabled]
        for name in enabled:
            self._engine.post(name, event)
        return Answer({"pairs": enabled})
