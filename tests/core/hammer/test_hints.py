"""A hint names existing commands only, and none that destroys data."""

import ast
import re
from collections.abc import Iterator

import pytest

from hammerd.cli.group import COMMANDS
from tests.paths import ROOT

SOURCES = sorted((ROOT / "hammerd").glob("[cd]*/**/*.py"))


def texts() -> Iterator[str]:
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_command_of_hammerd_that_a_text_names_exists() -> None:
    named = {word for text in texts() for word in re.findall(r"[\"`]hammerd ([a-z][a-z-]+)", text)}

    assert named
    assert named <= {*COMMANDS}


@pytest.mark.parametrize("forbidden", ["umount -f", "authorized-keys PAIR", "pfs-downgrade"])
def test_no_text_advises_a_harmful_command(forbidden: str) -> None:
    assert [text for text in texts() if forbidden in text] == []
