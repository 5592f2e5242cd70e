"""Reports faults of the web server itself: to stderr, or to syslog when in the background.

What clients do wrong is told nowhere: anybody could fill a log with it.
"""

import os

SYSLOG_SOCKETS = ("/var/run/log", "/dev/log")
"""The sockets of syslogd: on a BSD, on Linux."""


def log_config(*, is_detached: bool) -> dict[str, object]:
    """Return a config for logging.config.dictConfig()."""
    handler = _syslog() if is_detached else {"class": "logging.StreamHandler"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"faults": handler},
        "root": {"handlers": ["faults"], "level": "ERROR"},
    }


def _syslog() -> dict[str, object]:
    for path in SYSLOG_SOCKETS:
        if os.path.exists(path):
            return {
                "class": "logging.handlers.SysLogHandler",
                "address": path,
                "facility": "daemon",
                ".": {"ident": "hammerd_web: "},
            }
    return {"class": "logging.NullHandler"}
