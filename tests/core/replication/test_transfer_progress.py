"""The rate of a stream and the progress of its bulk are measured."""

import pytest

from hammerd.core.hammer.messages import Batch, Message, NoWork, PrescanDone, Progress, WentIdle
from hammerd.core.hammer.output_parser import OutputParser
from hammerd.core.replication.transfer_progress import (
    BulkProgress,
    Transfer,
    bulk_progress,
    transfer_rate,
    update_transfer,
)
from hammerd.core.tid import Tid

NO_SIZE = (1 << 64) - 1


def transfer_of(*messages: tuple[float, Message]) -> Transfer:
    transfer = Transfer()
    for now_at, message in messages:
        transfer = update_transfer(transfer, message, now_at)
    return transfer


def batch(bulk_bytes: int | None = None) -> Batch:
    return Batch(Tid(1), Tid(9), bulk_bytes)


def sent(slice_bytes: int) -> Progress:
    return Progress(Tid(1), Tid(9), slice_bytes)


def test_nothing_is_known_of_a_stream_that_sent_nothing() -> None:
    transfer = transfer_of((0, NoWork()), (1, WentIdle()))

    assert (transfer_rate(transfer, 2), bulk_progress(transfer, 2)) == (None, None)


def test_a_bulk_is_done_slice_by_slice() -> None:
    transfer = transfer_of(
        (0, PrescanDone(2, 1000)),
        (0, batch(600)),
        (10, sent(600)),
        (10, batch(400)),
        (15, sent(150)),
    )

    assert transfer_rate(transfer, 15) == 50.0
    assert bulk_progress(transfer, 15) == BulkProgress(750, 1000, eta_s=5.0)


def test_a_slice_without_its_first_message_counts_too() -> None:
    transfer = transfer_of(
        (0, PrescanDone(2, 1000)), (0, batch(600)), (10, sent(600)), (15, sent(150))
    )

    assert bulk_progress(transfer, 15) == BulkProgress(750, 1000, eta_s=5.0)


def test_a_bulk_is_never_more_than_done() -> None:
    transfer = transfer_of((0, PrescanDone(1, 1000)), (0, batch(1000)), (10, sent(1004)))

    assert bulk_progress(transfer, 10) == BulkProgress(1000, 1000, eta_s=0.0)


def test_a_slice_without_a_prescan_has_its_own_progress() -> None:
    transfer = transfer_of((0, batch(400)), (10, sent(100)))

    assert bulk_progress(transfer, 10) == BulkProgress(100, 400, eta_s=30.0)


@pytest.mark.parametrize("bulk_bytes", [None, 0, NO_SIZE])
def test_a_slice_without_a_size_has_a_rate_only(bulk_bytes: int | None) -> None:
    transfer = transfer_of((0, batch(bulk_bytes)), (10, sent(100)))

    assert (transfer_rate(transfer, 10), bulk_progress(transfer, 10)) == (10.0, None)


def test_a_prescan_that_counted_nothing_is_no_bulk() -> None:
    assert bulk_progress(transfer_of((0, PrescanDone(1, 0))), 1) is None


def test_a_bulk_is_over_when_the_stream_is_idle() -> None:
    transfer = transfer_of(
        (0, PrescanDone(1, 500)), (0, batch(500)), (10, sent(500)), (10, WentIdle())
    )

    assert bulk_progress(transfer, 11) is None


def test_the_rate_is_that_of_the_last_window() -> None:
    messages = [(float(at), sent(1000 * at)) for at in range(1, 61)]
    slower = [(60.0 + at, sent(60_000 + 10 * at)) for at in range(1, 121)]

    assert transfer_rate(transfer_of((0, batch()), *messages), 60) == 1000.0
    assert transfer_rate(transfer_of((0, batch()), *messages, *slower), 180) == pytest.approx(10.0)


def test_the_rate_of_a_silent_stream_falls_to_zero() -> None:
    transfer = transfer_of((0, batch()), (10, sent(1000)))

    rates = [transfer_rate(transfer, at) for at in (10, 20, 40, 41)]
    assert rates == [100.0, 50.0, 25.0, 0.0]
    assert bulk_progress(transfer_of((0, batch(2000)), (10, sent(1000))), 41) == BulkProgress(
        1000, 2000, eta_s=None
    )


def test_idle_time_is_no_part_of_the_later_rate() -> None:
    transfer = transfer_of(
        (0, batch()), (1, sent(1000)), (1, WentIdle()), (900, batch()), (902, sent(500))
    )

    assert transfer_rate(transfer, 902) == 250.0


def test_the_rate_of_parsed_output_is_measured() -> None:
    output = (
        b"\nPrescan to break up bulk transfer (4096MB chunks)\n\n"
        b"Prescan 1 chunks, total 4 MBytes (4224208)\n"
        b"Mirror-read: Mirror 0000000000000002 to 0000000100580a8f (bulk= 4224208)\n"
        b"\rscan obj=0000000100000001 tids=0000000000000002:0000000100580a8f     2112104\n"
    )

    transfer = transfer_of(*((10.0, message) for message in OutputParser().feed(output)))

    assert bulk_progress(transfer, 11) == BulkProgress(2112104, 4224208, eta_s=1.0)
