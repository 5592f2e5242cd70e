"""Keeps out of the daemon's memory what its libraries would import and it never uses.

structlog imports rich where it is installed (5 MB), asyncio imports ssl (4 MB); both do without.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

UNUSED = ("rich", "ssl")


@contextmanager
def without_unused_modules() -> Iterator[None]:
    """While this holds, importing an unused module fails as if it were not installed."""
    was_there = {name: sys.modules.get(name) for name in UNUSED}
    for name in UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]  # importlib's way to say: not there
    try:
        yield
    finally:
        for name, module in was_there.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module
