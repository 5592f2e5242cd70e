"""Handles the requests that arrive on the sockets."""

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from hammerd import __version__
from hammerd.core.api import protocol
from hammerd.core.api.pair_patterns import Choice, choose
from hammerd.core.api.status_json import Json, Snapshot, pair_json, pairs_json, status_json
from hammerd.core.exit_codes import Exit
from hammerd.core.holds import Hold, HoldStage, hold_fault
from hammerd.core.pair.events import Acknowledged, Event, RestartAsked, StartAsked, StopAsked
from hammerd.core.pair.latches import latch_cause
from hammerd.core.pair.states import Paused
from hammerd.core.replication.promotions import promotion_note
from hammerd.core.tid import format_tid
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.supervisor.engine import Engine
from hammerd.daemon.supervisor.holds import Holds
from hammerd.daemon.timing.clock import Clock

_LEAVE_DISABLED = frozenset({protocol.Verb.PAUSE, protocol.Verb.RESUME, protocol.Verb.RESTART})
"""Verbs that are refused for a disabled pair that is named, and skip it otherwise."""

_LEAVE_HELD = frozenset({protocol.Verb.RESUME, protocol.Verb.RESTART})
"""Verbs that are refused for a held pair that is named, and skip it otherwise."""

DescribeDaemon = Callable[[], Mapping[str, object]]
Save = Callable[[], Awaitable[str | None]]
"""Waits until all changes are saved; returns why they are not, None if they are."""


@dataclass(frozen=True, slots=True)
class SlowRequests:
    """The requests that wait for a disk, a stream or a command, and the save after each."""

    save: Save
    reload: Callable[[], Awaitable[protocol.Reply]]
    holds: Holds
    read_result: Callable[[str], Awaitable[None]]
    notify: Callable[[str | None, tuple[str, ...]], Awaitable[protocol.Reply]]


class Handlers:
    """Turns requests into events for pairs, and lives of pairs into replies."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        describe: DescribeDaemon,
        slow: SlowRequests,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._describe = describe
        self._slow = slow
        self.on_acknowledged: Callable[[str], None] = lambda _pair: None
        self.on_all_acknowledged: Callable[[], None] = lambda: None

    async def answer(self, request: protocol.Request) -> protocol.Reply:
        """Carry out a request for the pairs that it chooses, and save what it changed.

        `unsaved_because` in the answer is why that could not be saved.
        """
        choice = choose(request.pairs, self._names())
        if refusal := self._refusal(request, choice):
            return refusal
        reply = await self._reply(request, choice)
        if request.verb in protocol.READ_VERBS or isinstance(reply, protocol.Refusal):
            return reply
        return protocol.Answer({**reply.data, "unsaved_because": await self._slow.save()})

    async def _reply(self, request: protocol.Request, choice: Choice) -> protocol.Reply:
        match request.verb:
            case protocol.Verb.RELOAD:
                return await self._slow.reload()
            case protocol.Verb.HOLD | protocol.Verb.RELEASE:
                return await self._reply_to_plan(request.verb, request.pairs[0])
            case protocol.Verb.VERIFIED:
                return await self._take_results(request.pairs)
            case protocol.Verb.NOTIFY:
                return await self._slow.notify(request.kind, choice.pairs if request.pairs else ())
            case protocol.Verb.RESUME:
                return await self._lift(choice) or self._answer(request, choice)
            case (
                protocol.Verb.PING
                | protocol.Verb.STATUS
                | protocol.Verb.PAUSE
                | protocol.Verb.RESTART
                | protocol.Verb.ACK
            ):
                return self._answer(request, choice)
            case _:
                assert_never(request.verb)

    async def _reply_to_plan(self, verb: protocol.Verb, pair: str) -> protocol.Reply:
        if pair not in self._names():
            # A plan may make a pair before it is in the config.
            return protocol.Answer({"pairs": [], "state": "unknown"})
        holds = self._slow.holds
        return await (holds.hold(pair) if verb is protocol.Verb.HOLD else holds.release(pair))

    async def _lift(self, choice: Choice) -> protocol.Refusal | None:
        """Lift the holds of promoted pairs that are to be resumed; return why one stays.

        That a pair matches a pattern does not undo a decision of a person.
        """
        for name in self._promoted(choice):
            if refusal := await self._slow.holds.lift(name):
                return refusal
        return None

    def _names(self) -> tuple[str, ...]:
        return tuple(life.pair.name for life in self._engine.lives())

    def _refusal(self, request: protocol.Request, choice: Choice) -> protocol.Refusal | None:
        if refusal := self._refuse_choice(request, choice):
            return refusal
        if request.verb in _LEAVE_DISABLED and (refusal := self._refuse_disabled(choice)):
            return refusal
        if request.verb in _LEAVE_HELD and (refusal := self._refuse_held(request.verb, choice)):
            return refusal
        if self._describe()["state"] == "stopping" and request.verb not in protocol.READ_VERBS:
            return protocol.STOPPING
        if request.verb is protocol.Verb.RELOAD and request.pairs:
            return protocol.Refusal("a reload is of the whole config", "name no pair")
        return None

    def _refuse_choice(self, request: protocol.Request, choice: Choice) -> protocol.Refusal | None:
        if request.verb not in protocol.PLAN_VERBS:
            return protocol.refuse_unchosen(choice.unknown, self._names())
        if len(request.pairs) != 1:
            return protocol.Refusal("a plan is of one pair", "name it")
        return None

    def _answer(self, request: protocol.Request, choice: Choice) -> protocol.Reply:
        pairs = choice.pairs
        match request.verb:
            case protocol.Verb.PING:
                return protocol.Answer({"pid": os.getpid(), "version": __version__})
            case protocol.Verb.STATUS:
                return protocol.Answer(self.status(pairs))
            case protocol.Verb.PAUSE:
                return self._pause(pairs, request.for_s)
            case protocol.Verb.RESUME:
                return self._resume(choice)
            case protocol.Verb.RESTART:
                return self._restart(choice)
            case protocol.Verb.ACK:
                return self._acknowledge(pairs)
            case (
                protocol.Verb.RELOAD
                | protocol.Verb.HOLD
                | protocol.Verb.RELEASE
                | protocol.Verb.VERIFIED
                | protocol.Verb.NOTIFY
            ):
                raise AssertionError("it waits for the disk: _reply() does it")
            case _:
                assert_never(request.verb)

    async def _take_results(self, pairs: tuple[str, ...]) -> protocol.Reply:
        """Read the results of pairs that were verified just now."""
        for name in pairs:
            try:
                await self._slow.read_result(name)
            except TimeoutError:
                hint = "does the disk of state_dir hang?"
                return protocol.Refusal("the result cannot be read", hint, Exit.TEMPORARY)
        return protocol.Answer({"pairs": list(pairs)})

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

    def _refuse_disabled(self, choice: Choice) -> protocol.Refusal | None:
        disabled = [name for name in choice.named if not self._engine.life(name).pair.enabled]
        if not disabled:
            return None
        hint = 'take out enabled = false, then "hammerd reload"'
        return protocol.Refusal(
            f"disabled in the config: {', '.join(disabled)}", hint, Exit.UNAVAILABLE
        )

    def _refuse_held(self, verb: protocol.Verb, choice: Choice) -> protocol.Refusal | None:
        """Refuse to start a pair in the middle of a plan; a resume ends only a promotion."""
        left = self._held(choice.named)
        if verb is protocol.Verb.RESUME:
            promoted = self._promoted(choice)
            left = [name for name in left if name not in promoted]
        if not left:
            return None
        name = left[0]
        hold = self._hold_of(name)
        assert hold is not None
        fault = hold_fault(hold, self._engine.life(name).pair)
        hint = fault[1] if fault else f"{hold.plan} of {name} runs: wait until it has ended"
        return protocol.Refusal(f"held: {', '.join(left)}", hint, Exit.UNAVAILABLE)

    def _held(self, pairs: Iterable[str]) -> list[str]:
        return [name for name in pairs if self._hold_of(name) is not None]

    def _hold_of(self, name: str) -> Hold | None:
        return self._engine.life(name).memory.hold

    def _promoted(self, choice: Choice) -> list[str]:
        """Return the named pairs that are held because their slave was promoted."""
        holds = {name: self._hold_of(name) for name in choice.named}
        return [name for name, hold in holds.items() if hold and hold.stage is HoldStage.PROMOTED]

    def _resume(self, choice: Choice) -> protocol.Answer:
        """Start pairs again; the answer lists the findings for those that a latch held.

        A held pair that was not named is left alone.
        """
        pairs = choice.pairs
        found = {name: findings for name in pairs if (findings := list(self._findings(name)))}
        left = [name for name in self._held(pairs) if name not in choice.named]
        free = tuple(name for name in pairs if name not in left)
        done = self._post(free, StartAsked())
        return protocol.Answer({**done.data, "found": found, "left_held": left})

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

    def _restart(self, choice: Choice) -> protocol.Reply:
        pairs, lives = choice.pairs, map(self._engine.life, choice.pairs)
        paused = [life.pair.name for life in lives if isinstance(life.memory.wanted, Paused)]
        if named := [name for name in paused if name in choice.named]:
            hint = f'"hammerd resume {" ".join(named)}" starts what is paused'
            return protocol.Refusal(f"paused: {', '.join(named)}", hint, Exit.UNAVAILABLE)
        held = [name for name in self._held(pairs) if name not in paused]
        running = tuple(name for name in pairs if name not in {*paused, *held})
        done = self._post(running, RestartAsked())
        return protocol.Answer({**done.data, "left_paused": paused, "left_held": held})

    def _acknowledge(self, pairs: tuple[str, ...]) -> protocol.Reply:
        """Remove what was reported from the status, of disabled pairs too: nothing is started."""
        for name in pairs:
            self.on_acknowledged(name)
            self._engine.post(name, Acknowledged())
        if pairs == self._names():
            self.on_all_acknowledged()
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
