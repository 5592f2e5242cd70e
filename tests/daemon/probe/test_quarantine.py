"""Ends set apart: in turn, and never two commands on a file system that hangs."""

from hammerd.core.pair.probe_verdict import ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Endpoint
from hammerd.daemon.probe.quarantine import Quarantine
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.timing.clock import Instant

A, B, C = Endpoint("/a"), Endpoint("/b"), Endpoint("/c")


def failed(end: Endpoint) -> EndpointReading:
    return EndpointReading(end, Instant(0, 0), ProbeFailed(ProbeTrouble.PROBE_SILENT), 1, 1)


def test_ends_are_tried_in_turn() -> None:
    apart = Quarantine(lambda _: True)
    for end in (A, B, C):
        apart.add(end, failed(end))

    apart.add(A, failed(A))

    assert apart.queue() == (B, C, A)


def test_suspected_end_has_no_failure_yet_and_a_released_one_none_any_more() -> None:
    apart = Quarantine(lambda _: True)
    for end in (A, B, C):
        apart.add(end, failed(end) if end is not B else None)
    apart.release(C)

    assert [one.end for one in apart.failures([A, B, C])] == [A]
    assert [end in apart for end in (A, B, C)] == [True, True, False]


def test_file_system_hangs_until_every_command_on_it_is_gone() -> None:
    left = {7, 8}
    apart = Quarantine(lambda pid: pid not in left)
    apart.hangs("disk", 7)
    apart.hangs("disk", 8)

    assert apart.is_hanging("disk")
    assert not apart.is_hanging("another")
    left.remove(7)
    assert apart.is_hanging("disk")
    left.remove(8)
    assert not apart.is_hanging("disk")


def test_end_that_no_pair_has_any_more_is_forgotten() -> None:
    apart = Quarantine(lambda _: True)
    for end in (A, B):
        apart.add(end, None)

    apart.keep([B, C])

    assert apart.queue() == (B,)
