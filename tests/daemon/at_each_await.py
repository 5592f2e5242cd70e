"""Runs a scenario once for each await in it, and interrupts it there: by error or cancellation.

    interrupt(scenario, error) ── await 0, 1, 2 … ──┬── the error is raised at it
                                                    └── the task that waits there is cancelled

A scenario gets a Stop, through which it starts the code to interrupt, and asserts what must hold
in every case. It must leave no task, and the loop must get no other error.
"""

import ast
import asyncio
import gc
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, TypeVar

T = TypeVar("T")

HANGS_S = 30.0
"""The time after which a scenario counts as hanging."""

SETTLING_TURNS = 3
"""The turns of the loop after which the end of a task has had all its effects."""

CodeLine = tuple[str, int]
"""A file and a line in it."""


class Unexpected(Exception):  # noqa: N818 - it is what it says
    """An error that no code is prepared for."""


@dataclass
class Stop:
    """An interruption at the await of this number: by an error, or by a cancellation."""

    at: int
    error: Exception | None = None
    passed: int = 0
    lines: set[CodeLine] = field(default_factory=set, repr=False)
    where: tuple[CodeLine, ...] = field(default=(), repr=False)
    functions: frozenset[str] = field(default=frozenset(), repr=False)
    broken: list[BaseException | None] = field(default_factory=list, repr=False)

    @property
    def was_reached(self) -> bool:
        """Whether there was an await of this number."""
        return self.passed > self.at

    async def run(self, act: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine in its own task, interrupted; return the task when it has ended."""
        task = self.begin(act)
        await asyncio.wait([task])
        return task

    def begin(self, act: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a coroutine in its own task, interrupted."""
        return asyncio.Task(_Interrupted(act, self))

    @contextmanager
    def in_all_tasks(self, *, but_by_cancel: bool = False) -> Iterator[None]:
        """Interrupt each task that is started meanwhile.

        `but_by_cancel`: interrupt them by errors only, for tasks that are never cancelled.
        """

        def make(
            _loop: asyncio.AbstractEventLoop, act: Coroutine[Any, Any, T], **_: object
        ) -> asyncio.Task[T]:
            return asyncio.Task(_Interrupted(act, self, but_by_cancel=but_by_cancel))

        loop = asyncio.get_running_loop()
        loop.set_task_factory(make)  # type: ignore[arg-type]
        try:
            yield
        finally:
            loop.set_task_factory(None)

    def awaits(self, act: Coroutine[Any, Any, Any]) -> bool:
        """Count an await; return whether it is to be interrupted."""
        is_now = self.passed == self.at
        self.passed += 1
        frames = tuple(_frames_of(act))
        chain = tuple((frame.f_code.co_filename, frame.f_lineno) for frame in frames)
        self.lines.update(chain)
        if is_now:
            self.where = chain
            self.functions = frozenset(frame.f_code.co_name for frame in frames)
        return is_now

    def was_in(self, function: str) -> bool:
        """Return whether this function, or a function that it awaited, was interrupted."""
        return function in self.functions

    def __str__(self) -> str:
        how = f"{self.error!r} raised" if self.error else "cancelled"
        return f"{how} at {' > '.join(f'{Path(file).name}:{line}' for file, line in self.where)}"


WaitsFor = asyncio.Future[Any] | None


class _Interrupted(Coroutine[WaitsFor, None, T]):
    """A coroutine that is interrupted at one of its awaits."""

    def __init__(
        self, act: Coroutine[Any, Any, T], stop: Stop, *, but_by_cancel: bool = False
    ) -> None:
        self._act = act
        self._stop = stop
        self._but_by_cancel = but_by_cancel

    def send(self, value: None) -> WaitsFor:
        return self._waiting(self._act.send(value))

    def throw(self, error: BaseException) -> WaitsFor:  # type: ignore[override]
        return self._waiting(self._act.throw(error))

    def close(self) -> None:
        self._act.close()

    def __await__(self) -> Generator[WaitsFor, None, T]:
        raise NotImplementedError("for tasks only")

    def _waiting(self, waits_for: WaitsFor) -> WaitsFor:
        if not self._stop.awaits(self._act):
            return waits_for
        if self._stop.error is not None:
            if waits_for is not None:
                # The task goes on with the error and does not wait for this future.
                waits_for._asyncio_future_blocking = False
            return self.throw(self._stop.error)
        if self._but_by_cancel:
            return waits_for
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_soon(task.cancel)
        return waits_for


async def until_tasks_end() -> None:
    """Wait until all other tasks have ended."""
    own, quiet_turns = asyncio.current_task(), 0
    # The effects of the end of a task come in a later turn of the loop.
    while quiet_turns < SETTLING_TURNS:
        others = asyncio.all_tasks() - {own}
        quiet_turns = 0 if others else quiet_turns + 1
        await (asyncio.wait(others) if others else asyncio.sleep(0))


async def reached(claim: Callable[[], object], what: str, *, every_s: float = 0.001) -> None:
    """Let the loop run until a claim is true; fail with `what` when it never is.

    `every_s`: the time between two checks; 0 checks at each turn of the loop.
    """
    try:
        async with asyncio.timeout(HANGS_S):
            while not claim():  # noqa: ASYNC110 - a claim is no event
                await asyncio.sleep(every_s)
    except TimeoutError as error:
        raise AssertionError(f"never came: {what}") from error


Scenario = Callable[[Stop], Awaitable[None]]


def interrupt(scenario: Scenario, *errors: Exception) -> set[CodeLine]:
    """Run a scenario with every interruption; return the lines at which it waited."""
    lines: set[CodeLine] = set()
    # Each run collects garbage: objects older than the runs are left out.
    gc.freeze()
    try:
        for error in (None, *errors):
            for at in count():
                stop = Stop(at, error)
                _play(scenario, stop)
                lines |= stop.lines
                if not stop.was_reached:
                    break
    finally:
        gc.unfreeze()
    return lines


def _play(scenario: Scenario, stop: Stop) -> None:
    try:
        asyncio.run(_played(scenario, stop))
    except BaseException as failure:
        failure.add_note(f"{scenario}: {stop if stop.where else 'uninterrupted'}")
        raise


async def _played(scenario: Scenario, stop: Stop) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: stop.broken.append(context.get("exception")))
    async with asyncio.timeout(HANGS_S):
        await scenario(stop)
    for _ in range(SETTLING_TURNS):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks are left: {left}"
    # An error that was never retrieved is reported when its task is collected.
    gc.collect()
    await asyncio.sleep(0)
    assert all(error is stop.error for error in stop.broken), stop.broken


# --- awaits that no scenario covers -------------------------------------------------------------


def missed(module: ModuleType, scenarios: Collection[Scenario]) -> list[int]:
    """Return the lines of a module's awaits at which none of these scenarios ever waits."""
    file = str(module.__file__)
    waited = {line for scenario in scenarios for name, line in interrupt(scenario) if name == file}
    return [
        first for first, last in _awaits_in(Path(file)) if not waited & set(range(first, last + 1))
    ]


def _awaits_in(file: Path) -> list[tuple[int, int]]:
    """Return the first and last line of each await in a file."""
    spans = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Await):
            spans.append((node.lineno, node.end_lineno or node.lineno))
        elif isinstance(node, ast.AsyncWith):
            spans.append((node.lineno, node.items[-1].context_expr.end_lineno or node.lineno))
        elif isinstance(node, ast.AsyncFor | ast.comprehension):
            is_async = isinstance(node, ast.AsyncFor) or node.is_async
            spans += [(node.iter.lineno, node.iter.end_lineno or 0)] if is_async else []
    return sorted(spans)


def _frames_of(act: object) -> Iterator[FrameType]:
    """Yield the frames of a coroutine and of the coroutines that it awaits."""
    while act is not None:
        frame = getattr(act, "cr_frame", None) or getattr(act, "gi_frame", None)
        if frame is not None:
            yield frame
        act = getattr(act, "cr_await", None) or getattr(act, "gi_yieldfrom", None)
