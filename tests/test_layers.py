"""Imports point downwards only: between the four layers, and between the packages of each.

    cli ── core        daemon ── core        simulator stands alone        core stands on nothing
    web ── cli, core

Read from the source by `ast`, so that an import inside a function counts too.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.paths import ROOT, TESTS
from tests.sources import FILES, tree_of

PURE = frozenset(
    {
        *(
            "bisect",
            "collections.abc",
            "dataclasses",
            "datetime",
            "difflib",
            "enum",
            "fnmatch",
            "functools",
            "graphlib",
            "itertools",
        ),
        *("json", "math", "posixpath", "re", "shlex", "stat", "tomllib", "types", "typing"),
        "unicodedata",
    }
)
"""The standard modules that core may use: none reads a clock, a disk or random numbers."""

DAEMON_NEEDS = frozenset({"psutil", "structlog", "tenacity"})
CLI_NEEDS = frozenset({"click", "rich", "tomlkit"})
WEB_NEEDS = frozenset({"prometheus_client", "starlette", "uvicorn"})
WEB_ASKS_BY = frozenset({"client", "history", "lag", "offline", "options", "output"})
"""The packages of the cli that the web server uses."""

ORDER = {
    "core": (
        *(
            "core.hosts",
            "core",
            "core.config",
            "core.hammer",
            "core.replication",
            "core.history",
            "core.pair",
            "core.system",
            "core.rotation",
            "core.plans",
            "core.plans.roles",
            "core.flush",
            "core.verify",
            "core.api",
            "core.alarms",
            "core.lag_report",
        ),
    ),
    "daemon": (
        *("daemon.timing", "daemon.threads", "daemon.process", "daemon.service"),
        *("daemon.logging", "daemon.paths", "daemon.probe", "daemon.readings", "daemon.state"),
        *("daemon.history", "daemon.verify", "daemon.notify", "daemon.stream", "daemon.foreign"),
        *("daemon.supervisor", "daemon.control", "daemon"),
    ),
    "cli": (
        *("cli.output", "cli.client", "cli.options", "cli.status", "cli.offline"),
        *(
            "cli.history",
            "cli.lag",
            "cli.check",
            "cli.doctor.lines",
            "cli.doctor.system",
            "cli.doctor.ssh",
        ),
        *(
            "cli.doctor",
            "cli.notify",
            "cli.verify",
            "cli.wait",
            "cli.plans",
            "cli.plans.roles",
            "cli.provision",
            "cli.demo",
            "cli.report",
            "cli.commands.plans",
            "cli.commands.monitoring",
            "cli.commands",
            "cli",
        ),
    ),
    "web": ("web.metrics", "web", "web.process"),
}
"""The packages of each layer, lowest first: each imports only itself and its predecessors."""

MOST_MODULES = 13
"""A package with more modules is split."""

MOST_LINES = 400
MAY_BE_LONGER: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Import:
    """An import: the importing module, the imported one, and whether it is inside a function."""

    by: str
    module: str
    is_lazy: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def layer(self) -> str:
        """The layer that is imported: `core`, `daemon`, ...; empty for `hammerd` itself."""
        return self.module.removeprefix("hammerd.").split(".")[0] if self.top == "hammerd" else ""


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = frozenset(module_name(file) for file in FILES)


@cache
def every_import() -> tuple[Import, ...]:
    """Read the imports when a test asks for them: each worker collects, few run these tests."""
    return tuple(
        Import(module_name(file), module, is_lazy)
        for file in FILES
        for module, is_lazy in _imports_below(tree_of(file), is_lazy=False)
    )


def _imports_below(block: ast.AST, *, is_lazy: bool) -> Iterator[tuple[str, bool]]:
    """Yield each imported module, and whether the import is inside a function."""
    is_lazy |= isinstance(block, ast.FunctionDef | ast.AsyncFunctionDef) or _is_for_types(block)
    for node in ast.iter_child_nodes(block):
        # No expression holds a statement.
        if not isinstance(node, ast.expr):
            yield from ((module, is_lazy) for module in _modules(node))
            yield from _imports_below(node, is_lazy=is_lazy)


def _is_for_types(block: ast.AST) -> bool:
    """Return whether a block is read by the type checker only."""
    return isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute: the layer shows in the line"
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            yield whole if whole in MODULES else str(node.module)


def imports_in(layer: str) -> Iterator[Import]:
    return (found for found in every_import() if found.by.startswith(f"hammerd.{layer}"))


def is_standard(found: Import) -> bool:
    return found.top in sys.stdlib_module_names


def is_demo(found: Import) -> bool:
    return found.by.startswith(("hammerd.cli.demo", "hammerd.cli.commands.demo"))


def package_of(module: str) -> str:
    """Return the package that holds a module, without `hammerd.`."""
    is_package = (ROOT / module.replace(".", "/")).is_dir()
    return (module if is_package else module.rpartition(".")[0]).removeprefix("hammerd.")


@pytest.mark.parametrize("layer", ORDER)
def test_packages_import_only_packages_below_them(layer: str) -> None:
    rank = {package: place for place, package in enumerate(ORDER[layer])}
    astray = {
        (found.by, found.module)
        for found in imports_in(layer)
        if found.layer == layer and rank[package_of(found.by)] < rank[package_of(found.module)]
    }

    assert astray == set()


def test_every_package_has_its_place() -> None:
    packages = {package_of(module) for module in MODULES}

    assert {one for one in packages if one.split(".")[0] in ORDER} == {
        package for layer in ORDER.values() for package in layer
    }


def test_no_package_holds_too_many_modules() -> None:
    counts = Counter(package_of(name) for name in MODULES if package_of(name) != "hammerd")

    # A package counts as its own __init__.
    assert {name for name, count in counts.items() if count > MOST_MODULES + 1} == set()


def test_tests_stand_in_directories_named_after_packages() -> None:
    directories = {
        file.parent.relative_to(TESTS) for file in TESTS.rglob("test_*.py") if file.parent != TESTS
    }
    strays = {
        str(directory)
        for directory in directories
        if not (ROOT / "hammerd" / directory).is_dir() and directory.parts[0] in ORDER
    }

    assert {one for one in strays if not one.startswith("daemon/scenarios/")} == set()


def test_the_layers_are_these() -> None:
    assert {name.split(".")[1] for name in MODULES if "." in name} == {
        "cli",
        "core",
        "daemon",
        "rsh",
        "simulator",
        "web",
    }


def test_rsh_imports_little() -> None:
    assert {found.module for found in imports_in("rsh")} == {"json", "os", "sys"}


def test_core_imports_core_and_what_is_pure() -> None:
    astray = [
        found for found in imports_in("core") if found.layer != "core" and found.module not in PURE
    ]

    assert astray == []


def test_core_asks_datetime_for_no_time() -> None:
    asked = {
        f"{module_name(file)}: {node.attr}"
        for file in FILES
        if module_name(file).startswith("hammerd.core")
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
    }

    assert asked == set()


def test_core_reads_and_prints_nothing() -> None:
    calls = {
        f"{module_name(file)}: {node.func.id}"
        for file in FILES
        if module_name(file).startswith("hammerd.core")
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in {"open", "print", "input", "eval", "exec", "__import__"}
    }

    assert calls == set()


def test_daemon_imports_core_and_what_it_is_allowed() -> None:
    astray = [
        found
        for found in imports_in("daemon")
        if not (
            found.module == "hammerd"
            or found.layer in {"core", "daemon"}
            or found.top in DAEMON_NEEDS
            or is_standard(found)
        )
    ]

    assert astray == []


def test_cli_imports_core_and_what_it_is_allowed() -> None:
    astray = [
        found
        for found in imports_in("cli")
        if not (
            found.module == "hammerd"
            or found.layer in {"core", "cli"}
            or found.top in CLI_NEEDS
            or is_standard(found)
            or found.layer in {"daemon", "simulator", "web"}
        )
    ]

    assert astray == []


def test_web_imports_core_and_what_it_is_allowed() -> None:
    astray = [
        found
        for found in imports_in("web")
        if not (
            found.layer in {"core", "web"}
            or (found.layer == "cli" and found.module.split(".")[2] in WEB_ASKS_BY)
            or found.top in WEB_NEEDS
            or is_standard(found)
        )
    ]

    assert astray == []


def test_only_commands_import_the_web_server_and_only_when_they_run() -> None:
    found = [
        one
        for one in every_import()
        if one.layer == "web" and not one.by.startswith("hammerd.web")
    ]

    assert {(one.by.rpartition(".")[0], one.is_lazy) for one in found} == {
        ("hammerd.cli.commands.monitoring", True)
    }


READERS = {
    "hammerd.cli.commands.monitoring.web": {"hammerd.daemon.service.daemonize"},
    "hammerd.cli.check.endpoint_check": {"hammerd.daemon.paths.path_state"},
    "hammerd.cli.check.path_check": {
        "hammerd.daemon.paths.probe_program",
        "hammerd.daemon.paths.path_state",
    },
    "hammerd.cli.doctor.examination": {"hammerd.daemon.paths.path_state"},
    "hammerd.cli.doctor.ssh.ssh_way": {"hammerd.daemon.process.rsh_program"},
    "hammerd.cli.offline.last_state": {"hammerd.daemon.state.plan_records"},
    "hammerd.cli.offline.saved_status": {"hammerd.daemon.state.atomic_file"},
    "hammerd.cli.plans.executor": {"hammerd.daemon.process.rsh_program"},
    "hammerd.cli.plans.records": {"hammerd.daemon.state.plan_records"},
    "hammerd.cli.provision.pair_origin": {"hammerd.daemon.service.config_file"},
    "hammerd.cli.verify.pair_ends": {"hammerd.daemon.process.rsh_program"},
    "hammerd.cli.verify.results": {"hammerd.daemon.state.atomic_file"},
    "hammerd.cli.wait.held": {"hammerd.daemon.state.plan_records"},
    "hammerd.cli.options.location": {
        "hammerd.daemon.service.config_file",
        "hammerd.daemon.service.program_file",
    },
    "hammerd.cli.plans.roles.ends": {"hammerd.daemon.paths.path_state"},
    "hammerd.cli.plans.roles.writers": {"hammerd.daemon.state.spawn_records"},
}
"""The modules of the cli that read files and paths by the daemon's own lean readers."""

PROCESS_TABLE = "hammerd.daemon.process.process_table"
"""The only module that uses psutil; the demo reads processes through it."""


def test_only_run_imports_the_daemon_and_only_when_it_runs() -> None:
    found = [
        one
        for one in every_import()
        if one.layer == "daemon"
        and "daemon" not in one.by
        and one.module not in READERS.get(one.by, set())
        and not (is_demo(one) and one.module == PROCESS_TABLE)
    ]

    assert {(one.by, one.is_lazy) for one in found} == {("hammerd.cli.commands.run", True)}


def test_what_reads_the_daemon_s_files_loads_nothing_of_the_daemon() -> None:
    wanted = {module for modules in READERS.values() for module in modules}
    reached: set[str] = set()
    while wanted - reached:
        reached |= wanted
        wanted = {found.module for found in every_import() if found.by in reached}

    eager = [
        one
        for one in imports_in("cli")
        if one.layer == "daemon" and not one.is_lazy and not is_demo(one)
    ]
    assert eager == []
    assert not reached & {
        "asyncio",
        "hammerd.daemon.run",
        "hammerd.daemon.supervisor.engine",
        *DAEMON_NEEDS,
    }


def test_only_the_process_table_uses_psutil() -> None:
    """psutil answers for a single process in ways that only that module survives."""
    assert {found.by for found in every_import() if found.top == "psutil"} == {PROCESS_TABLE}


SIGNAL_SENDERS = {
    "hammerd.daemon.process.spawn",
    # Ends the daemon whose start is interrupted.
    "hammerd.daemon.service.daemonize",
    # Ends a command that does not end in time.
    "hammerd.cli.check.bounded_command",
    # Ends the stream that a dead hammerd left, in a plan.
    "hammerd.cli.plans.roles.end_group",
    # Ends itself.
    "hammerd.simulator.utility.mirror.protocol",
    # Ends the caller of a trapped program, for a test.
    "hammerd.simulator.admin.traps",
}
"""The modules that send a signal; the demo does it, too, to what it started."""

EXISTENCE_CHECKS = {PROCESS_TABLE, "hammerd.cli.client.lock_holder"}
"""The modules that send signal 0, which tells whether a process exists."""

ENDING_METHODS = {"terminate", "kill"}
"""The methods of a Popen or of a psutil.Process that send a signal; they take no argument."""


def signals_of(tree: ast.AST) -> Iterator[bool]:
    """Yield for each place that may send a signal whether it is a real one, not signal 0."""
    nodes = tuple(ast.walk(tree))
    checks = {id(node.func) for node in nodes if isinstance(node, ast.Call) and _is_check(node)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.kill", "os.killpg"}:
            yield id(node) not in checks
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (True for alias in node.names if alias.name in {"kill", "killpg"})
        elif _is_ending(node):
            yield True


def _is_check(call: ast.Call) -> bool:
    return len(call.args) == 2 and ast.unparse(call.args[1]) == "0"


def _is_ending(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr="send_signal" | "pthread_kill"):
            return True
        case ast.Call(func=ast.Attribute(attr=name), args=[], keywords=[]):
            return name in ENDING_METHODS
        case _:
            return False


def modules_that_signal(*, is_real: bool) -> set[str]:
    return {
        module_name(file)
        for file in FILES
        if is_real in set(signals_of(tree_of(file)))
        and not module_name(file).startswith("hammerd.cli.demo")
    }


def test_only_these_modules_send_signals() -> None:
    assert modules_that_signal(is_real=True) == SIGNAL_SENDERS
    assert modules_that_signal(is_real=False) == EXISTENCE_CHECKS


@pytest.mark.parametrize(
    "source",
    [
        "os.kill(pid, signal.SIGTERM)",
        "send = os.killpg",
        "from os import kill",
        "child.popen.send_signal(15)",
        "child.popen.terminate()",
        "psutil.Process(pid).kill()",
        "signal.pthread_kill(thread, 15)",
    ],
)
def test_each_way_to_send_a_signal_is_found(source: str) -> None:
    assert list(signals_of(ast.parse(source))) == [True]


def test_only_demo_imports_the_simulator() -> None:
    astray = [
        found
        for found in every_import()
        if found.layer == "simulator"
        and not found.by.startswith("hammerd.simulator")
        and not is_demo(found)
    ]

    assert astray == []


def test_simulator_imports_nothing_of_the_rest() -> None:
    astray = [
        found
        for found in imports_in("simulator")
        if found.layer != "simulator" and not is_standard(found)
    ]

    assert astray == []


def test_no_module_imports_itself_in_a_circle() -> None:
    modules: TopologicalSorter[str] = TopologicalSorter()
    for found in every_import():
        if found.module in MODULES and found.module != found.by:
            modules.add(found.by, found.module)

    try:
        modules.prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_every_module_fits_one_idea() -> None:
    long = {
        str(file.relative_to(ROOT)): count
        for file in FILES
        if (count := len(file.read_text().splitlines())) > MOST_LINES
    }

    assert {name: count for name, count in long.items() if name not in MAY_BE_LONGER} == {}


SIMULATOR_ORDER = (
    "runtime",
    "kernel.file_system",
    "kernel.records",
    "kernel.flush",
    "kernel.ioctls",
    "kernel",
    "utility.arguments",
    "utility.commands",
    "utility.mirror",
    "shebang",
    "admin",
    "programs",
    "main",
)
"""The simulator's packages, and the modules above them: each imports only those before it."""


def simulator_package(module: str) -> str:
    """Return the package of SIMULATOR_ORDER that holds a module; an `__init__` has none."""
    name = module.removeprefix("hammerd.simulator").removeprefix(".")
    return name if name in SIMULATOR_ORDER else name.rpartition(".")[0]


def test_simulator_packages_import_only_those_before_them() -> None:
    upward = [
        (found.by, found.module)
        for found in imports_in("simulator")
        if found.module in MODULES
        for by, module in [(simulator_package(found.by), simulator_package(found.module))]
        if by != module and SIMULATOR_ORDER.index(module) >= SIMULATOR_ORDER.index(by)
    ]

    assert upward == []
    packages = {
        simulator_package(name) for name in MODULES if name.startswith("hammerd.simulator")
    }
    assert packages - {"", "utility"} == set(SIMULATOR_ORDER)
