"""Writes a status as metrics, in the format of Prometheus or of OpenMetrics."""

from collections.abc import Iterable
from enum import StrEnum

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hammerd.web.metrics.families import StatusJson, families_of

_OPEN = "application/openmetrics-text"


class Form(StrEnum):
    """A format of metrics, by the header with which Prometheus asks for it."""

    PLAIN = "text/plain; version=0.0.4"
    OPEN_METRICS = f"{_OPEN}; version=1.0.0"


def form_for(accept: str) -> Form:
    """Return the format for a client with this Accept header.

    Our names need none of the escaping that such a header may also ask for.
    """
    types = {each.partition(";")[0].strip().lower() for each in accept.split(",")}
    return Form.OPEN_METRICS if _OPEN in types else Form.PLAIN


class _Collector(Collector):
    def __init__(self, status: StatusJson, *, is_up: bool) -> None:
        self._status = status
        self._is_up = is_up

    def collect(self) -> Iterable[Metric]:
        return families_of(self._status, is_up=self._is_up)


def exposition_of(
    status: StatusJson, *, is_up: bool, form: Form = Form.PLAIN
) -> tuple[bytes, str]:
    """Return the metrics, and their content type."""
    # A registry of our own: the default one tells of this process, not of the daemon.
    registry = CollectorRegistry(auto_describe=False)
    encode, content_type = choose_encoder(form)
    registry.register(_Collector(status, is_up=is_up))
    return encode(registry), content_type
