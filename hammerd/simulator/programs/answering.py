"""How the programs beside hammer end: a word on stderr and status 1, or silence and 0."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def end_with(usage: str, counts: range, run: Callable[[list[str]], None]) -> NoReturn:
    """Run a program on its words, or show its usage when there are too few or many."""
    name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
    if len(words) not in counts:
        sys.exit(f"usage: {name} {usage}")
    try:
        run(words)
    except (OSError, ValueError) as error:
        sys.exit(f"{name}: {error}")
    sys.exit(0)
