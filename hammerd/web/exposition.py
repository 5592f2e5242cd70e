"""Writes a view as metrics, in the format of Prometheus or of OpenMetrics."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hammerd.web.families import families_of
from hammerd.web.views import View


class _Collector(Collector):
    def __init__(self, view: View) -> None:
        self._view = view

    def collect(self) -> Iterable[Metric]:
        return families_of(self._view.status, is_up=self._view.is_running)


def exposition_of(view: View, accept: str = "") -> tuple[bytes, str]:
    """Return the metrics, and the content type that a client of this Accept header gets."""
    registry = CollectorRegistry(auto_describe=False)
    encode, content_type = choose_encoder(accept)
    registry.register(_Collector(view))
    return encode(registry), content_type
