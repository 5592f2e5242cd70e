"""Sets up structlog for the daemon: human, logfmt or JSON lines for the writer thread.

Only structlog's plain API is used, since DPorts' release may be old; the renderers are our own.
"""

import json
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import structlog

from hammerd.core.config.model import LogFormat, LogLevel
from hammerd.core.rfc3339 import rfc3339

LEVELS = {
    LogLevel.DEBUG: 10,
    LogLevel.INFO: 20,
    LogLevel.WARNING: 30,
    LogLevel.ERROR: 40,
}

Put = Callable[[LogLevel, str], None]

OnEvent = Callable[[str, Mapping[str, object]], None]
"""Takes the level and the fields of an event, its name among them as `event`."""


class Logger(Protocol):
    """The methods of a structlog logger that the daemon uses."""

    def debug(self, event: str, **fields: object) -> object:
        """Log an event for developers."""

    def info(self, event: str, **fields: object) -> object:
        """Log an event."""

    def warning(self, event: str, **fields: object) -> object:
        """Log a failure that will be retried."""

    def error(self, event: str, **fields: object) -> object:
        """Log a failure that needs a person."""


class _Lines:
    """Takes the rendered lines from structlog: one method for each level."""

    def __init__(self, put: Put) -> None:
        self.debug = partial(put, LogLevel.DEBUG)
        self.info = partial(put, LogLevel.INFO)
        self.warning = partial(put, LogLevel.WARNING)
        self.error = partial(put, LogLevel.ERROR)


@dataclass(slots=True)
class LogStyle:
    """The format of lines and the lowest level that is written; both may change at any time."""

    format: LogFormat
    level: LogLevel

    def drop_below(
        self, _logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Drop events below the level."""
        if LEVELS[LogLevel(method)] < LEVELS[self.level]:
            raise structlog.DropEvent
        return event

    def render(self, logger: object, method: str, event: Mapping[str, Any]) -> str:
        """Return the line."""
        return _RENDERERS[self.format](logger, method, event)


def make_logger(
    put: Put, style: LogStyle, on_event: OnEvent = lambda _level, _event: None
) -> Logger:
    """Return a logger that renders each event to one line and passes it to `put`.

    `on_event` is called with each event, those below the written level included.
    """

    def forward(
        _logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        on_event(method, event)
        return event

    logger: Logger = structlog.wrap_logger(
        _Lines(put),
        processors=[forward, style.drop_below, _stamped, style.render],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[LogLevel.DEBUG]),
        context_class=dict,
    )
    return logger


def render(log_format: LogFormat, level: str, event: str, **fields: object) -> str:
    """Return one line of a log, without structlog and whatever the written level is."""
    return _RENDERERS[log_format](None, level, _stamped(None, level, {"event": event, **fields}))


def _stamped(
    _logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {"time": rfc3339(time.time()), "level": method, **event}


def _human(_logger: object, _method: str, event: Mapping[str, Any]) -> str:
    time, level, name = event["time"], event["level"], event["event"]
    rest = _fields(event)
    return f"{time} {level:<7} {name}{' ' if rest else ''}{rest}"


def _logfmt(_logger: object, _method: str, event: Mapping[str, Any]) -> str:
    head = f"time={event['time']} level={event['level']} event={event['event']}"
    rest = _fields(event)
    return f"{head} {rest}" if rest else head


def _json(_logger: object, _method: str, event: Mapping[str, Any]) -> str:
    return json.dumps(event, default=str)


_RENDERERS = {LogFormat.HUMAN: _human, LogFormat.LOGFMT: _logfmt, LogFormat.JSON: _json}


def _fields(event: Mapping[str, Any]) -> str:
    shown = ((key, value) for key, value in event.items() if key not in _HEAD)
    return " ".join(f"{key}={_quoted(value)}" for key, value in shown if value is not None)


_HEAD = frozenset({"time", "level", "event"})


def _quoted(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    text = str(value)
    is_plain = text.isprintable() and not set(text) & set(" =\"'\\") and text != ""
    quoted = text if is_plain else json.dumps(text, ensure_ascii=False)
    # JSON leaves some control characters unescaped, which a terminal would execute.
    return quoted if quoted.isprintable() else json.dumps(text)
