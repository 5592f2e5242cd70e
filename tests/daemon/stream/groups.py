"""Runs groups of real processes like those of streams: a shell, and two sleeps as its halves."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hammerd.core.pair.events import Event
from hammerd.core.pair.slave_claims import Claim
from hammerd.daemon.process import spawn
from hammerd.daemon.process.process_table import Member, living, members_of
from hammerd.daemon.stream.live_stream import Stream

ENV = {"PATH": "/bin:/usr/bin"}
HALVES = "sleep 4718 & sleep 4718 & wait"


@dataclass
class RealStreams:
    """The streams of a test, and the errors that the loop reported."""

    streams: list[Stream] = field(default_factory=list)
    emitted: list[tuple[str, Event]] = field(default_factory=list)
    broken: list[BaseException | None] = field(default_factory=list)

    def launch(self, pair: str, script: str = HALVES) -> Stream:
        child = spawn.spawn_stream(("/bin/sh", "-c", script), ENV)
        stream = Stream(pair, child, Claim(pair, frozenset()))
        self.streams.append(stream)
        return stream

    def emit(self, pair: str, event: Event) -> None:
        self.emitted.append((pair, event))

    def end(self) -> None:
        for stream in self.streams:
            spawn.kill_group(stream.child)
            with suppress(OSError):
                spawn.reap(stream.child)


def halves_of(stream: Stream) -> list[Member]:
    """Return the halves that are present now."""
    members = living(members_of({stream.pgid})[stream.pgid])
    return [one for one in members if one.pid != stream.pgid]


def play(scenario: Callable[[RealStreams], Coroutine[Any, Any, None]]) -> RealStreams:
    """Run a scenario on a loop, and end all that it launched."""
    group = RealStreams()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(
            lambda _, context: group.broken.append(context.get("exception"))
        )
        await scenario(group)

    try:
        asyncio.run(main())
    finally:
        group.end()
    return group
