"""Decides which system-specific calls may be used; HAMMERD_PORTABLE=1 forbids all of them.

Without them the code uses psutil and waitpid, which work wherever Python does; the tests of
processes run on both paths.
"""

import os
import platform

from hammerd.core.platforms import platform_of

SYSTEM = platform_of(platform.system())
"""The facts of the system that we run on."""


def shortcuts_allowed() -> bool:
    """Return whether calls that not every system has may be used."""
    return os.environ.get("HAMMERD_PORTABLE") != "1"
