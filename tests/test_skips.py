"""Every reason for a skip is on the agreed list, also one that does not occur on this machine."""

import ast
from collections.abc import Iterator

from tests.conftest import ALLOWED_SKIPS
from tests.paths import TESTS

SKIPS = {"skip", "skipif", "importorskip"}


def reasons_in(source: str) -> Iterator[str]:
    """Yield the reason of each skip; one that is no literal is yielded as it is written."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr=name), args=args, keywords=keywords) if (
                name in SKIPS
            ):
                named = [each.value for each in keywords if each.arg == "reason"]
                for reason in named or args[:1]:
                    match reason:
                        case ast.Constant(value=str(text)):
                            yield text
                        case _:
                            yield ast.unparse(reason)


def test_reasons_are_those_that_the_tests_give() -> None:
    """A missing reason would fail a run; a reason too many would hide a skip."""
    files = TESTS.rglob("*.py")
    given = {reason for file in files for reason in reasons_in(file.read_text())}

    assert given == ALLOWED_SKIPS
