"""A choice between the members of a union or an enum of ours names them all.

A `match` ends in `case _: assert_never(x)`, so that mypy finds each one that a new member passes
by; a dict has every member as a key. What may fall through is listed here, with the reason.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import get_type_hints

import pytest

from hammerd.cli.client.status_types import PairStatus
from hammerd.cli.output.spans import _STYLES
from hammerd.cli.status.table import _COUNTED, _MARKS
from hammerd.core.api.health import Health
from hammerd.core.api.status_json import pair_json
from hammerd.core.exit_codes import PluginExit
from tests.core.api.print_health_table import COLUMNS, NOW_AT, ROWS, report
from tests.paths import ROOT
from tests.sources import FILES, tree_of

CELLS = (
    "tests/core/pair/pair_table.txt decides every state x every event, and a test prints it again"
)
OBSERVER = "it observes streams: only their words and their end concern it"

MAY_BE_OPEN = {
    "hammerd/cli/lag/plot.py MarkKind": "other marks have one colour",
    "hammerd/core/pair/machine.py _in_stopped Event": CELLS,
    "hammerd/core/pair/machine.py _brought_to_rest Asked": CELLS,
    "hammerd/core/pair/machine.py _in_held Event": CELLS,
    "hammerd/core/pair/machine.py _in_probing Event": CELLS,
    "hammerd/core/pair/machine.py _in_glance Event": CELLS,
    "hammerd/core/pair/machine.py _in_stopping Event": CELLS,
    "hammerd/core/pair/machine.py _in_backoff Event": CELLS,
    "hammerd/core/pair/machine.py _in_mount Event": CELLS,
    "hammerd/core/pair/machine.py _in_queue Event": CELLS,
    "hammerd/core/pair/machine.py _in_parked Event": CELLS,
    "hammerd/core/pair/machine.py _needs_forbidden_probe Event": CELLS,
    "hammerd/core/pair/running.py in_launching Event": CELLS,
    "hammerd/core/pair/running.py in_streaming Event": CELLS,
    "hammerd/core/pair/running.py _with_group Event": CELLS,
    "hammerd/core/pair/running.py reason_to_park EndpointEvent": CELLS,
    "hammerd/cli/plans/copy.py _note Message": "others tell nothing about success",
    "hammerd/core/pair/memory.py _with_line Message": "all other lines are progress",
    "hammerd/core/replication/master_inference.py add Message": "all other lines are work",
    "hammerd/core/replication/transfer_progress.py update_transfer Message": "others have no size",
    "hammerd/daemon/foreign/watch.py observe StreamEvent": OBSERVER,
    "hammerd/daemon/supervisor/stream_observer.py observe StreamEvent": OBSERVER,
    "hammerd/daemon/logging/syslog.py SyslogFacility": "under NONE nothing is sent",
    "hammerd/daemon/supervisor/sampler.py _record_verdict ProbeResult": "was it read at all",
    "hammerd/daemon/supervisor/sampler.py _post_sample ProbeVerdict": "obstacles must be fresh",
}
"""Places where a new member may pass by unseen: file, function, union."""


@dataclass(frozen=True, slots=True)
class CodeChoice:
    """A place that chooses between members of a union or an enum of ours."""

    place: str
    line: int
    of: str
    is_closed: bool

    def __str__(self) -> str:
        return f"{self.place} {self.of}"


def unions(tree: ast.Module) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the unions of classes and the enums of a module, each with its members' names."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            members = frozenset(operands(node.value))
            if all(name.isidentifier() and name[0].isupper() for name in members):
                yield ast.unparse(node.targets[0]), members
        if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(b) for b in node.bases):
            names = (each.targets[0] for each in node.body if isinstance(each, ast.Assign))
            yield node.name, frozenset(f"{node.name}.{ast.unparse(name)}" for name in names)


def operands(node: ast.expr) -> list[str]:
    """Return the operands of `A | B | C`, or the members of `(A, B)`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return operands(node.left) + operands(node.right)
    if isinstance(node, ast.Tuple):
        return [name_of(each) for each in node.elts]
    return [name_of(node)]


def name_of(node: ast.expr) -> str:
    """Return the name of a member as its own module writes it."""
    return re.sub(r"^[a-z_]+\.", "", ast.unparse(node))


@cache
def known_unions() -> dict[str, frozenset[str]]:
    """Return every union and enum of ours; read when a test asks, for each worker collects."""
    direct = {name: members for file in FILES for name, members in unions(tree_of(file))}

    def flat(members: frozenset[str]) -> frozenset[str]:
        """Return members with each union among them replaced by its own members."""
        return frozenset[str]().union(
            *(flat(direct.get(one, frozenset())) or {one} for one in members)
        )

    return {name: flat(members) for name, members in direct.items()}


def union_of(members: frozenset[str]) -> str | None:
    """Return the smallest union of ours that has all these members."""
    known = known_unions()
    fitting = [name for name in known if members and members <= known[name]]
    return min(fitting, key=lambda name: len(known[name]), default=None)


def choices(path: str, tree: ast.Module) -> Iterator[CodeChoice]:
    """Yield every match, isinstance, chain of them and dict that chooses between members."""
    for place, node in walk(tree, path):
        if isinstance(node, ast.Match):
            of = union_of(named_in(node))
            closed = is_closed(node)
        elif isinstance(node, ast.Call | ast.If):
            of = union_of(asked_in(node))
            closed = False
        elif isinstance(node, ast.Dict):
            keys = frozenset(name_of(key) for key in node.keys if key)
            of = union_of(keys)
            closed = of is not None and keys == known_unions()[of]
        else:
            continue
        if of is not None:
            yield CodeChoice(place, node.lineno, of, closed)


def walk(node: ast.AST, path: str, function: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Yield every node with the file and the function that it stands in."""
    for child in ast.iter_child_nodes(node):
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        inner = child.name if is_function else function
        yield f"{path} {inner}".strip(), child
        yield from walk(child, path, inner)


def named_in(match: ast.Match) -> frozenset[str]:
    """Return the members that the outermost patterns of a match name."""
    return frozenset(name for case in match.cases for name in pattern_names(case.pattern))


def pattern_names(pattern: ast.pattern) -> Iterator[str]:
    match pattern:
        case ast.MatchClass(cls=cls):
            yield name_of(cls)
        case ast.MatchValue(value=value):
            yield name_of(value)
        case ast.MatchOr(patterns=patterns):
            for each in patterns:
                yield from pattern_names(each)
        case ast.MatchAs(pattern=ast.pattern() as inner):
            yield from pattern_names(inner)


def asked_in(node: ast.Call | ast.If) -> frozenset[str]:
    """Return the members that isinstance tests, if there are two or more."""
    if isinstance(node, ast.Call):
        is_many = getattr(node.func, "id", "") == "isinstance" and len(operands(node.args[1])) > 1
        return frozenset(operands(node.args[1]) if is_many else ())
    asked = [*is_a(node.test)]
    while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        node = node.orelse[0]
        asked += is_a(node.test)
    return frozenset(asked if len(set(asked)) > 1 else ())


def is_a(test: ast.expr) -> Iterator[str]:
    for node in ast.walk(test):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            yield from operands(node.args[1])


def is_closed(match: ast.Match) -> bool:
    """Return whether a match ends in `case _: assert_never(...)`."""
    last = match.cases[-1]
    return ast.unparse(last).startswith("case _:\n    assert_never(")


@cache
def every_choice() -> tuple[CodeChoice, ...]:
    return tuple(
        each for file in FILES for each in choices(str(file.relative_to(ROOT)), tree_of(file))
    )


def test_every_choice_names_all_members() -> None:
    is_open = [f"{each} (line {each.line})" for each in every_choice() if not each.is_closed]

    assert [each for each in is_open if each.partition(" (")[0] not in MAY_BE_OPEN] == []


def test_what_may_be_open_is() -> None:
    assert (
        MAY_BE_OPEN.keys() - {str(each) for each in every_choice() if not each.is_closed} == set()
    )


SAMPLE = """
class Cause(StrEnum):
    LOST = "lost"
    STUCK = "stuck"

State = Stopped | Probing | Parked

def word(state):
    {}
"""


@pytest.mark.parametrize(
    ("choice", "closed"),
    [
        (
            "match state:\n        case Stopped(): pass\n        case _: assert_never(state)",
            [True],
        ),
        ("match state:\n        case Stopped(): pass\n        case _: pass", [False]),
        ("match state:\n        case Stopped() | Parked(): pass", [False]),
        ("match state:\n        case Probing() as it: pass\n        case _: return", [False]),
        ("match state.cause:\n        case Cause.LOST: pass\n        case _: return", [False]),
        ("return isinstance(state, Stopped | Parked)", [False]),
        ("return isinstance(state, (Stopped, Parked))", [False]),
        ("return isinstance(state, Stopped)", []),
        (
            "if isinstance(state, Stopped): pass\n    elif isinstance(state, Parked): pass",
            [False],
        ),
        ("return {Cause.LOST: 1}", [False]),
        ("return {Cause.LOST: 1, Cause.STUCK: 2}", [True]),
        ("match state:\n        case str(): pass\n        case _: return", []),
    ],
)
def test_each_kind_of_choice_is_seen(
    choice: str, closed: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = ast.parse(SAMPLE.format(choice))
    for name, members in unions(tree):
        monkeypatch.setitem(known_unions(), name, members)

    assert [each.is_closed for each in choices("sample.py", tree)] == closed


def test_cli_handles_every_health() -> None:
    """The cli reads JSON of any hammerd, so no type checks its words against those of core."""
    assert {verdict.name.lower() for verdict in PluginExit} == set(Health)
    assert set(_COUNTED) == {*Health, "paused", "disabled"}
    assert set(_MARKS) == {*Health} - {Health.OK}
    assert set(_STYLES) == {*Health, "head"}


def test_cli_reads_no_key_that_no_status_has() -> None:
    shown = pair_json(report(ROWS["parked"], COLUMNS["in sync"]), NOW_AT, str)

    assert get_type_hints(PairStatus).keys() - shown.keys() == set()
