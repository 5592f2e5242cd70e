"""Paths of the repository that tests read."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
DATA = TESTS / "data"
