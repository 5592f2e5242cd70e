"""Keeps modules out of memory that libraries import and the daemon never uses.

structlog imports rich if it is installed (5 MB), asyncio imports ssl (4 MB); both work without.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

UNUSED = ("rich", "ssl")


@contextmanager
def without_unused_modules() -> Iterator[None]:
    """Make imports of the unused modules fail within the block, as if they were not installed."""
    before = {name: sys.modules.get(name) for name in UNUSED}
    for name in UNUSED:
        # importlib takes None for a module that is not installed.
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name, module in before.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module
