"""Writes a status as metrics, in the format of Prometheus or of OpenMetrics."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hammerd.web.metrics.families import StatusJson, families_of


class _Collector(Collector):
    def __init__(self, status: StatusJson, *, is_up: bool) -> None:
        self._status = status
        self._is_up = is_up

    def collect(self) -> Iterable[Metric]:
        return families_of(self._status, is_up=self._is_up)


def exposition_of(status: StatusJson, *, is_up: bool, accept: str = "") -> tuple[bytes, str]:
    """Return the metrics, and the content type that a client of this Accept header gets."""
    # A registry of our own: the default one tells of this process, not of the daemon.
    registry = CollectorRegistry(auto_describe=False)
    encode, content_type = choose_encoder(accept)
    registry.register(_Collector(status, is_up=is_up))
    return encode(registry), content_type
