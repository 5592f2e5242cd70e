"""The modules of hammerd as syntax trees, for the tests that read the source."""

import ast
from functools import cache
from pathlib import Path

from tests.paths import ROOT

FILES = tuple(sorted((ROOT / "hammerd").rglob("*.py")))


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text())
