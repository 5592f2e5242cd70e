"""sync: makes what was written to the masters of file systems visible to mirroring."""

from __future__ import annotations

from pathlib import Path

from hammerd.simulator import admin
from hammerd.simulator.programs.answering import end_with


def main() -> None:
    """Run `sync ROOT ...`: there is no kernel here that knows all file systems."""
    end_with("file-system-root ...", range(1, 1000), _run)


def _run(words: list[str]) -> None:
    for word in words:
        admin.flush(Path(word))
