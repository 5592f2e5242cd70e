"""Plays a story once for each await in it, and interrupts it there: by an error or by a cancel.

    interrupt(story, error) ── await 0, 1, 2 … ──┬── the error is raised at it
                                                 └── the task that waits there is cancelled

A story gets a Stop and begins with it what is to be interrupted. It asserts what must hold
whatever happened. No task may be left after it, and the loop may hear of no other error.
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
"""After this a story counts as one that hangs."""

SETTLING_TURNS = 3
"""Within how many turns of the loop the end of a task has set off what it sets off."""

Line = tuple[str, int]
"""A file and a line in it."""


class Unexpected(Exception):  # noqa: N818 - it is what it says
    """An error that no code is prepared for."""


@dataclass
class Stop:
    """One interruption: at the await of this number, by an error, or by a cancel without one."""

    at: int
    error: Exception | None = None
    passed: int = 0
    lines: set[Line] = field(default_factory=set, repr=False)
    where: tuple[Line, ...] = field(default=(), repr=False)
    functions: frozenset[str] = field(default=frozenset(), repr=False)
    broken: list[BaseException | None] = field(default_factory=list, repr=False)

    @property
    def was_reached(self) -> bool:
        """Whether the await of this number was there at all."""
        return self.passed > self.at

    async def run(self, act: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do something in a task of its own, interrupted; return the task when it has ended."""
        task = self.begin(act)
        await asyncio.wait([task])
        return task

    def begin(self, act: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin something in a task of its own, interrupted."""
        return asyncio.Task(_Interrupted(act, self))

    @contextmanager
    def in_all_tasks(self, *, but_by_cancel: bool = False) -> Iterator[None]:
        """Interrupt each task that is begun meanwhile, whoever begins it.

        `but_by_cancel`: those whom nobody ever cancels are interrupted by errors only.
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
        """Note that an act waits; tell whether it is to be interrupted now."""
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
        """Tell whether a function of this name was interrupted, or what it waited for."""
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
        raise NotImplementedError("it is for tasks only")

    def _waiting(self, waits_for: WaitsFor) -> WaitsFor:
        if not self._stop.awaits(self._act):
            return waits_for
        if self._stop.error is not None:
            if waits_for is not None:
                # Nobody waits for this future any more: its task goes on with the error.
                waits_for._asyncio_future_blocking = False
            return self.throw(self._stop.error)
        if self._but_by_cancel:
            return waits_for
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_soon(task.cancel)
        return waits_for


async def until_tasks_end() -> None:
    """Wait until nothing is under way but who asks this, however it ends."""
    own, quiet_turns = asyncio.current_task(), 0
    # What a task that has ended sets off comes in a later turn of the loop.
    while quiet_turns < SETTLING_TURNS:
        others = asyncio.all_tasks() - {own}
        quiet_turns = 0 if others else quiet_turns + 1
        await (asyncio.wait(others) if others else asyncio.sleep(0))


async def reached(claim: Callable[[], object], what: str, *, every_s: float = 0.001) -> None:
    """Let the loop run until a claim is true; fail with `what` when it never becomes true.

    `every_s`: how long to leave the loop alone; 0 looks at each turn of it.
    """
    try:
        async with asyncio.timeout(HANGS_S):
            while not claim():  # noqa: ASYNC110 - a claim tells nobody when it becomes true
                await asyncio.sleep(every_s)
    except TimeoutError as error:
        raise AssertionError(f"never came: {what}") from error


Story = Callable[[Stop], Awaitable[None]]


def interrupt(story: Story, *errors: Exception) -> set[Line]:
    """Play a story with each interruption there is; return the lines at which it waited."""
    lines: set[Line] = set()
    # Each play looks for what was thrown away: what is older than the plays is none of it.
    gc.freeze()
    try:
        for error in (None, *errors):
            for at in count():
                stop = Stop(at, error)
                _play(story, stop)
                lines |= stop.lines
                if not stop.was_reached:
                    break
    finally:
        gc.unfreeze()
    return lines


def _play(story: Story, stop: Stop) -> None:
    try:
        asyncio.run(_played(story, stop))
    except BaseException as failure:
        failure.add_note(f"{story}: {stop if stop.where else 'uninterrupted'}")
        raise


async def _played(story: Story, stop: Stop) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: stop.broken.append(context.get("exception")))
    async with asyncio.timeout(HANGS_S):
        await story(stop)
    for _ in range(SETTLING_TURNS):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks are left: {left}"
    # An error that nobody took is told when its task is thrown away.
    gc.collect()
    await asyncio.sleep(0)
    assert all(error is stop.error for error in stop.broken), stop.broken


# --- whether all of them were interrupted ----------------------------------------------------


def missed(module: ModuleType, stories: Collection[Story]) -> list[int]:
    """Return the lines of a module's awaits at which none of these stories ever waits."""
    file = str(module.__file__)
    waited = {line for story in stories for name, line in interrupt(story) if name == file}
    return [
        first for first, last in _awaits_in(Path(file)) if not waited & set(range(first, last + 1))
    ]


def _awaits_in(file: Path) -> list[tuple[int, int]]:
    """Return the first and last line of each place in a file that can wait."""
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
    """Yield where a coroutine waits, and what it waits for, as far as frames tell."""
    while act is not None:
        frame = getattr(act, "cr_frame", None) or getattr(act, "gi_frame", None)
        if frame is not None:
            yield frame
        act = getattr(act, "cr_await", None) or getattr(act, "gi_yieldfrom", None)
