"""Tests the order of quarantined endpoints, and that a hanging file system stays alone."""

from hammerd.core.pair.probe_verdict import ProbeFailed, ProbeTrouble
from hammerd.core.pairs import Endpoint
from hammerd.daemon.probe.quarantine import Quarantine
from hammerd.daemon.probe.reading import EndpointReading
from hammerd.daemon.timing.clock import Instant

A, B, C = Endpoint("/a"), Endpoint("/b"), Endpoint("/c")


def failed(endpoint: Endpoint) -> EndpointReading:
    return EndpointReading(endpoint, Instant(0, 0), ProbeFailed(ProbeTrouble.PROBE_SILENT), 1, 1)


def test_endpoints_are_tried_in_turn() -> None:
    quarantine = Quarantine(lambda _: True)
    for endpoint in (A, B, C):
        quarantine.add(endpoint, failed(endpoint))

    quarantine.add(A, failed(A))

    assert quarantine.queue() == (B, C, A)


def test_suspected_endpoint_has_no_failure_yet_and_a_released_one_has_none() -> None:
    quarantine = Quarantine(lambda _: True)
    for endpoint in (A, B, C):
        quarantine.add(endpoint, failed(endpoint) if endpoint is not B else None)
    quarantine.release(C)

    assert [one.endpoint for one in quarantine.failures([A, B, C])] == [A]
    assert [one in quarantine for one in (A, B, C)] == [True, True, False]


def test_file_system_hangs_until_every_command_on_it_has_ended() -> None:
    left = {7, 8}
    quarantine = Quarantine(lambda pid: pid not in left)
    quarantine.add_hung("disk", 7)
    quarantine.add_hung("disk", 8)

    assert quarantine.is_hanging("disk")
    assert not quarantine.is_hanging("another")
    left.remove(7)
    assert quarantine.is_hanging("disk")
    left.remove(8)
    assert not quarantine.is_hanging("disk")


def test_endpoint_of_no_pair_is_forgotten() -> None:
    quarantine = Quarantine(lambda _: True)
    for endpoint in (A, B):
        quarantine.add(endpoint, None)

    quarantine.forget_all_but([B, C])

    assert quarantine.queue() == (B,)
