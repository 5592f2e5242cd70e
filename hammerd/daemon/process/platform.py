"""Which shortcuts of the system may be used: HAMMERD_PORTABLE=1 turns them all off.

The path that is left then (psutil, waitpid) is the one that works wherever Python does; the tests
of processes run on both.
"""

import os
import platform

from hammerd.core.platforms import platform_of

SYSTEM = platform_of(platform.system())
"""The facts of the system that we run on."""


def shortcuts_allowed() -> bool:
    """Tell whether anything but the portable path may be taken."""
    return os.environ.get("HAMMERD_PORTABLE") != "1"


def has_shortcut(name: str) -> bool:
    """Tell whether the os module has a call that not every system has, and we may use it."""
    return hasattr(os, name) and shortcuts_allowed()
