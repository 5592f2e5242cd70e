"""Tests that a stream that prints without end costs other pairs nothing, and can be ended."""

import asyncio
import os
from collections.abc import Sequence

import pytest

from hammerd.core.api.protocol import Verb
from hammerd.core.hammer.messages import Complaint, Cure, LostLink, Message, Remark
from hammerd.daemon.stream.stderr_reader import (
    DELAY_S,
    MOST_OF_A_KIND,
    Noise,
    StderrReader,
    select_relevant,
)
from tests.daemon.scenarios.deaths.test_deaths import KillPart, kill_parent, kill_target
from tests.daemon.stand_ins import odd_stream
from tests.daemon.world import World


def beside(world: World, way: str) -> None:
    """Start a pair "test" with ordinary streams and a pair "noisy" with odd ones."""
    masters = {name: world.make_master(name) for name in ("test", "noisy")}
    pairs = {name: (master, world.make_slave(master, name)) for name, master in masters.items()}
    world.write("first", "first\n")
    hammer = odd_stream(world, way, pair="noisy")
    world.start(world.configure(pairs, hammer=str(hammer)))


def is_streaming(world: World, pair: str) -> None:
    world.wait_for(lambda now: now["state"] == "streaming", "streaming", pair)


@pytest.mark.parametrize("kill", [kill_target, kill_parent])
def test_stream_beside_a_flood_is_restarted_and_the_daemon_answers(
    world: World, kill: KillPart
) -> None:
    beside(world, "flood")
    is_streaming(world, "noisy")
    before = world.wait_until_following()

    kill(before)
    mended = world.wait_for(
        lambda now: (
            now["state"] == "streaming"
            and now["pid"] != before["pid"]
            and len(now["half_pids"]) == 2
        ),
        "mended",
    )

    assert mended["failures"] == 0
    assert world.is_answering()
    assert world.status("noisy")["state"] == "streaming"
    assert len(world.status("noisy")["last_words"]) <= MOST_OF_A_KIND


def test_flood_of_a_process_that_left_the_group_keeps_no_slave(world: World) -> None:
    beside(world, "left")
    is_streaming(world, "noisy")
    streams_in = world.wait_until_following()

    world.ask(Verb.PAUSE, "noisy")

    world.wait_for(lambda now: now["state"] == "stopped", "stopped", "noisy")
    assert world.status()["pid"] == streams_in["pid"]


# --- reading ---------------------------------------------------------------------------------


class Listed(Noise):
    """Records for each chunk whether it was noisy."""

    def __init__(self) -> None:
        super().__init__()
        self.chunks: list[bool] = []

    def record(self, fd: int, *, is_noisy: bool) -> None:
        super().record(fd, is_noisy=is_noisy)
        self.chunks.append(is_noisy)


def read(
    printed: bytes, *, more: bytes = b"", noise: Noise | None = None
) -> tuple[list[Message], Sequence[Message]]:
    """Print to a stream, "over" last; return its messages, and the last ones, of `more`."""
    messages: list[Message] = []

    async def main() -> Sequence[Message]:
        is_over = asyncio.Event()

        def on_messages(read_now: Sequence[Message]) -> None:
            messages.extend(read_now)
            if Remark("over") in read_now:
                is_over.set()

        readable, writable = os.pipe()
        os.set_blocking(readable, False)
        loop = asyncio.get_running_loop()
        reader = StderrReader(loop, noise or Noise(), readable, on_messages, lambda: None)
        os.write(writable, printed)
        await is_over.wait()
        os.write(writable, more)
        last = reader.finish()
        os.close(readable)
        os.close(writable)
        return last

    last = asyncio.run(main())
    return messages, last


def test_last_message_of_much_noise_is_read() -> None:
    messages, _ = read(b"x\n" * 30_000 + b"over\n")

    assert messages[-1] == Remark("over")
    assert len(messages) < 200


@pytest.mark.parametrize("byte", [b"\n", b"\r", b"\b", b"\0", b"x"])
def test_output_without_messages_is_noise_too(byte: bytes) -> None:
    noise = Listed()

    messages, _ = read(byte * 60_000 + b"\nover\n", noise=noise)

    assert messages[-1] == Remark("over")
    # All chunks except the last one, and the record of finish().
    assert all(noise.chunks[:-2])
    assert len(noise.chunks) > 10


def test_last_output_in_the_pipe_is_read_to_its_end() -> None:
    _, last = read(b"over\n", more=b"x\n" * 30_000 + b"\nLost Link\n")

    assert last[-1] == LostLink()
    assert len(last) <= 2 * MOST_OF_A_KIND


def test_of_many_messages_at_once_the_last_of_each_kind_and_first_complaints_stay() -> None:
    cause = Complaint("hammer: No space left", "no_space", Cure.RETRY, "")
    echoes: list[Message] = [
        Complaint(f"short read {n}", "echo", Cure.ECHO, "") for n in range(50)
    ]
    remarks: list[Message] = [Remark(str(n)) for n in range(50)]

    kept = select_relevant([remarks[0], cause, *echoes, LostLink(), *remarks[1:]])

    assert kept == [
        cause,
        echoes[0],
        *echoes[-MOST_OF_A_KIND:],
        LostLink(),
        *remarks[-MOST_OF_A_KIND:],
    ]


def test_few_messages_are_all_relevant() -> None:
    read_now: list[Message] = [Remark(str(n)) for n in range(MOST_OF_A_KIND)]

    assert select_relevant(read_now) == read_now


def test_many_noisy_streams_share_the_loop_that_one_may_take() -> None:
    noise = Noise()
    for fd in range(300):
        noise.record(fd, is_noisy=True)
    assert noise.delay_s == 300 * DELAY_S

    for fd in range(300):
        noise.record(fd, is_noisy=False)
    assert noise.delay_s == DELAY_S
