"""Holds the pairs whose plans have a record: each comes to rest, and its endpoints are left alone.

    start, reload          all records are read, before any stream is launched
    verb hold              its record is read; answered when nothing of hammerd touches the ends
    verb release, resume   the record is gone: back to what is wanted
    each sample            the records that stand are read again, and whether their plans live

The records are files of state_dir: they are read in a thread, one at a time.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from hammerd.core.api.protocol import Answer, Refusal, Reply
from hammerd.core.errors import HammerdError
from hammerd.core.exit_codes import Exit
from hammerd.core.holds import Hold, HoldStage
from hammerd.core.pair.events import HoldAsked, HoldReleased
from hammerd.core.pair.slave_claims import SlaveClaims
from hammerd.core.pair.states import PairLife, Stopped, Stopping
from hammerd.core.pair.transitions import KILL_AGAIN_S
from hammerd.core.pairs import Endpoint
from hammerd.core.plans.record import PlanName, PlanRecord, Stage, noted_paths
from hammerd.daemon.state import plan_records
from hammerd.daemon.state.plan_records import Damaged
from hammerd.daemon.supervisor.engine import Engine
from hammerd.daemon.supervisor.held_ends import HeldEnds, owner_of
from hammerd.daemon.threads.blocking_calls import BlockingCalls
from hammerd.daemon.timing.clock import Clock

READ_TIMEOUT_S = 5.0
LOOK_S, MARGIN_S = 0.05, 5.0
"""The time between two looks whether a pair is at rest, and what is added to the time that the
end of its group may take."""

UNKNOWN_PLAN = "unknown"


@dataclass(frozen=True, slots=True)
class Standing:
    """A record that stands; `is_locked`: a process carries its plan out."""

    record: PlanRecord | Damaged
    is_locked: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts that tell whether anything of hammerd touches the ends of a pair.

    `is_touched`: a command reads or flushes one of these endpoints. `forget`: end the probes of
    a pair. `explain`: the changes of endpoints that follow are those of this plan.
    """

    slaves: SlaveClaims
    is_touched: Callable[[Collection[Endpoint]], bool]
    forget: Callable[[str], None]
    explain: Callable[[Iterable[Endpoint], str], None]


class Holds:
    """The records that stand, and the pairs that they hold."""

    def __init__(
        self, state_dir: str, engine: Engine, ends: HeldEnds, around: Surroundings, clock: Clock
    ) -> None:
        self._state_dir = state_dir
        self._engine = engine
        self._ends = ends
        self._around = around
        self._clock = clock
        self._standing: dict[str, Standing] = {}
        self._unread_because: str | None = None
        self._calls = BlockingCalls()
        # Held while records are read and taken over: what was read must not be older than that.
        self.lock = asyncio.Lock()

    # --- start and reload ------------------------------------------------------------------------

    def read(self) -> Mapping[str, Standing]:
        """Read all records; any thread may call this, and it may block.

        Raises:
            HammerdError: the directory cannot be read.
        """
        try:
            records = plan_records.read_records(self._state_dir)
        except OSError as error:
            where = plan_records.plans_dir(self._state_dir)
            what = f"the records of plans in {where} cannot be read: {error.strerror}"
            raise HammerdError(what, "a plan may be under way: nothing is changed") from error
        return {name: self._stand(name, record) for name, record in records.items()}

    def load(self) -> None:
        """Read all records at the start; if they cannot be read, every pair is held."""
        try:
            self._standing = dict(self.read())
        except HammerdError as error:
            self._unread_because = error.message

    def hold_of(self, pair: str) -> Hold | None:
        """Return the hold of a pair, None without a record."""
        standing = self._standing.get(pair)
        if standing is not None:
            return self._hold(standing)
        because = self._unread_because
        return None if because is None else self._unreadable(because)

    def take(self, standing: Mapping[str, Standing]) -> None:
        """Take over all records, and hold the pairs that are known already."""
        self._unread_because = None
        for name in {life.pair.name for life in self._engine.lives()}:
            if name in standing:
                self._set(name, standing[name])
        self._standing = dict(standing)

    def settle(self) -> None:
        """Release the pairs without a record, once a new config is in force."""
        for life in self._engine.lives():
            if life.memory.hold is not None and self.hold_of(life.pair.name) is None:
                self._release(life.pair.name)
        self._changed()

    # --- verbs -----------------------------------------------------------------------------------

    async def hold(self, pair: str) -> Reply:
        """Hold a pair whose plan has a record; answer when nothing touches its ends any more."""
        async with self.lock:
            try:
                standing = await self._read_one(pair)
            except TimeoutError:
                return self._unread(pair)
            if standing is None:
                path = plan_records.record_path(self._state_dir, pair)
                hint = "hammerd promote, and the like, write it first"
                return Refusal(f"no plan of {pair}: {path} is missing", hint, Exit.UNAVAILABLE)
            self._set(pair, standing)
            self._changed()
        return await self._answer_at_rest(pair)

    async def release(self, pair: str) -> Reply:
        """Release a pair whose record was removed."""
        async with self.lock:
            try:
                standing = await self._read_one(pair)
            except TimeoutError:
                return self._unread(pair)
            if standing is not None:
                self._set(pair, standing)
                self._changed()
                path = plan_records.record_path(self._state_dir, pair)
                return Refusal(f"{pair} is held: {path} stands", "", Exit.UNAVAILABLE)
            self._release(pair)
            self._changed()
        return Answer({"pairs": [pair]})

    async def lift(self, pair: str) -> Refusal | None:
        """Remove the record of a promotion, and release the pair; return why it stays held."""
        async with self.lock:
            remove = partial(plan_records.remove_record, self._state_dir, pair)
            try:
                await self._calls.run(remove, READ_TIMEOUT_S)
            except TimeoutError:
                return self._unread(pair)
            except OSError as error:
                path = plan_records.record_path(self._state_dir, pair)
                what = f"{path} cannot be removed: {error.strerror}"
                return Refusal(what, f"{pair} stays held", Exit.UNAVAILABLE)
            self._release(pair)
            self._changed()
        return None

    # --- at each sample --------------------------------------------------------------------------

    async def check(self) -> None:
        """Read the records that stand again, and whether their plans still live."""
        if not self._standing or self.lock.locked():
            return
        async with self.lock:
            names = tuple(self._standing)
            try:
                found = await self._calls.run(partial(self._read_some, names), READ_TIMEOUT_S)
            except TimeoutError:
                return
            for name, standing in found.items():
                if standing is None:
                    self._release(name)
                else:
                    self._set(name, standing)
            self._changed()

    # --- records ---------------------------------------------------------------------------------

    def _stand(self, pair: str, record: PlanRecord | Damaged) -> Standing:
        return Standing(record, plan_records.is_locked(self._state_dir, pair))

    def _read_some(self, pairs: Iterable[str]) -> dict[str, Standing | None]:
        records = {pair: plan_records.read_record(self._state_dir, pair) for pair in pairs}
        return {
            pair: None if record is None else self._stand(pair, record)
            for pair, record in records.items()
        }

    async def _read_one(self, pair: str) -> Standing | None:
        found = await self._calls.run(partial(self._read_some, (pair,)), READ_TIMEOUT_S)
        return found[pair]

    def _unread(self, pair: str) -> Refusal:
        path = plan_records.record_path(self._state_dir, pair)
        what = f"{path} cannot be read within {READ_TIMEOUT_S:g} s"
        return Refusal(what, "does the disk hang?", Exit.UNAVAILABLE)

    def _hold(self, standing: Standing) -> Hold:
        record = standing.record
        if isinstance(record, Damaged):
            return self._unreadable(record.because)
        is_running = record.stage is Stage.RUNNING
        return Hold(
            record.plan.value,
            HoldStage(record.stage.value),
            self._clock.monotonic_at(record.begun_time),
            record.step,
            is_interrupted=is_running and not standing.is_locked,
        )

    def _unreadable(self, because: str) -> Hold:
        return Hold(UNKNOWN_PLAN, HoldStage.UNREADABLE, self._clock.now().at, because)

    # --- pairs -----------------------------------------------------------------------------------

    def _life(self, pair: str) -> PairLife | None:
        return next((life for life in self._engine.lives() if life.pair.name == pair), None)

    def _set(self, pair: str, standing: Standing) -> None:
        life = self._life(pair)
        is_held = life is not None and life.memory.hold is not None
        if life is None:
            self._standing[pair] = standing  # its endpoints may be those of another pair now
            return
        if is_held and self._standing.get(pair) == standing:
            return
        hold, before = self._hold(standing), life.memory.hold
        if before is not None and before.stage is not hold.stage:
            self._around.explain(self._ends.of(pair), before.plan)
        self._standing[pair] = standing
        self._around.forget(pair)
        self._engine.post(pair, HoldAsked(hold))

    def _release(self, pair: str) -> None:
        self._standing.pop(pair, None)
        life = self._life(pair)
        if life is None or life.memory.hold is None:
            return
        self._around.explain(self._ends.of(pair), life.memory.hold.plan)
        # The command removes the record of a reseed only when both ends are the same again. A
        # sample may see that before the command, which may be killed, tells it.
        lifts_latch = life.memory.hold.plan == PlanName.RESEED
        self._engine.post(pair, HoldReleased(lifts_latch))

    def _changed(self) -> None:
        self._ends.update(self._noted())
        self._engine.slaves_changed()

    def _noted(self) -> dict[str, tuple[Endpoint, ...]]:
        """Return the endpoints that the records of plans under way note, by their owners."""
        found = {name: each.record for name, each in self._standing.items()}
        return {
            f"{record.plan} of {name}": tuple(map(Endpoint, paths))
            for name, record in found.items()
            if isinstance(record, PlanRecord) and (paths := noted_paths(record))
        }

    async def _answer_at_rest(self, pair: str) -> Reply:
        life = self._life(pair)
        grace_s = life.pair.timing.stop_grace_s if life else 0.0
        until_at = self._clock.now().at + 2 * grace_s + KILL_AGAIN_S + MARGIN_S
        while obstacle := self._obstacle(pair):
            life = self._life(pair)
            is_stuck = life and isinstance(life.state, Stopping) and life.state.is_unkillable
            if is_stuck or self._clock.now().at >= until_at:
                hint = "the pair stays held; run the plan again once that has ended"
                return Refusal(f"{pair} is not at rest: {obstacle}", hint, Exit.UNAVAILABLE)
            await asyncio.sleep(LOOK_S)
        claim = self._around.slaves.held_by(owner_of(life)) if life and life.memory.hold else None
        keys = claim.keys if claim else frozenset[str]()
        drained_at = self._around.slaves.draining_until_at(keys)
        drains_s = None if drained_at is None else max(0.0, drained_at - self._clock.now().at)
        return Answer({"pairs": [pair], "state": "stopped", "slave_drains_s": drains_s})

    def _obstacle(self, pair: str) -> str:
        """Return what still touches the ends of a held pair, empty if nothing does."""
        life = self._life(pair)
        if life is None or life.memory.hold is None:
            return ""
        if not isinstance(life.state, Stopped):
            report = self._engine.report(pair)
            known = filter(None, (report.pid, *report.half_pids))
            return f"its stream has not ended (pids {' '.join(map(str, known)) or 'unknown'})"
        claim = self._around.slaves.held_by(owner_of(life))
        other = self._around.slaves.holder(claim.keys, but=claim.owner) if claim else None
        if other is not None:
            return f"{other.owner} writes to its slave"
        ends = self._ends.of(pair)
        return "a command reads or flushes an end" if self._around.is_touched(ends) else ""
