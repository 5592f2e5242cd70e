"""What breaks in our own code goes to the log once for each kind, as soon as the log takes it.

A fault in what writes the log may be what is to be told: nothing here raises, and what could not
be told is tried again when something was written.
"""

import traceback

from hammerd.daemon.logging.setup import Logger

MOST_KINDS = 1000
"""A fault of each kind for every pair of a large config; more say nothing new."""


class Faults:
    """The kinds that were told, and those that could not be."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._kinds: set[str] = set()
        self._untold: dict[str, tuple[str, dict[str, object]]] = {}

    def tell(self, kind: str, event: str, error: Exception, **fields: object) -> bool:
        """Log a fault with its traceback, unless one of its kind was; False if it has to wait."""
        if kind in self._kinds or len(self._kinds) >= MOST_KINDS:
            return kind not in self._untold
        self._kinds.add(kind)
        trace = "".join(traceback.format_exception(error))
        self._untold[kind] = (event, {**fields, "traceback": trace})
        self.tell_rest()
        return kind not in self._untold

    def tell_rest(self) -> None:
        """Log what could not be logged before."""
        for kind, (event, fields) in tuple(self._untold.items()):
            try:
                self._log.error(event, **fields)
            except Exception:
                return
            del self._untold[kind]
