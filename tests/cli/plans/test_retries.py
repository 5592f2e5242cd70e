"""A command of a step is tried again after the failure that its step names."""

from pathlib import Path

import pytest

from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.plans.commands import Programs, run
from hammerd.core.plans.steps import Command, Retry

REFUSAL = "failed: Directory not empty"


class Refusing:
    """A program that fails so many times, and one that counts its runs."""

    def __init__(self, root: Path, times: int, text: str = REFUSAL) -> None:
        self.tries, self.settled = root / "tries", root / "settled"
        self._program(
            root / "change",
            f'echo >> {self.tries}; [ "$(wc -l < {self.tries})" -gt {times} ] && echo succeeded'
            f' && exit 0; echo "{text}" >&2; exit 1',
        )
        self._program(root / "settle", f"echo >> {self.settled}")
        self.programs = Programs(str(root / "hammer"))

    def _program(self, path: Path, text: str) -> None:
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run(self) -> str:
        retry = Retry("Directory not empty", ("settle",), times=3)
        return run(self.programs, Command(("change",), expects="succeeded", retry=retry))

    def counts(self) -> tuple[int, int]:
        files = (self.tries, self.settled)
        tries, settled = (
            len(file.read_text().splitlines()) if file.exists() else 0 for file in files
        )
        return tries, settled


@pytest.mark.parametrize("times", [0, 1, 3])
def test_it_is_tried_again_after_the_other_command(tmp_path: Path, times: int) -> None:
    refusing = Refusing(tmp_path, times)

    assert "succeeded" in refusing.run()
    assert refusing.counts() == (times + 1, times)


def test_it_is_not_tried_for_ever(tmp_path: Path) -> None:
    refusing = Refusing(tmp_path, 9)

    with pytest.raises(CommandFailed, match="Directory not empty"):
        refusing.run()
    assert refusing.counts() == (4, 3)


def test_another_failure_is_none_to_try_again(tmp_path: Path) -> None:
    refusing = Refusing(tmp_path, 9, "failed: Input/output error")

    with pytest.raises(CommandFailed, match="Input/output error"):
        refusing.run()
    assert refusing.counts() == (1, 0)
