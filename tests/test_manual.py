"""The manual pages describe all commands, options, keys and files, and no others.

Names are read from the code as the program reads them, and by `ast` where a name stands in a call
only. From the pages the items (`.It`) of a section's outermost list are read. `make man-lint`
checks their markup.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import get_type_hints

import click
import pytest

from hammerd.cli.client.status_types import DaemonStatus
from hammerd.cli.group import COMMANDS, group
from hammerd.core import paths
from hammerd.core.alarms.ledger import Kind
from hammerd.core.alarms.message import environment_of, heartbeat_message
from hammerd.core.api.status_json import Health
from hammerd.core.config.model import DaemonConfig
from hammerd.core.config.schema import DAEMON_KEYS, NOTIFY_KEYS, PAIR_KEYS, Key
from hammerd.core.exit_codes import Exit
from hammerd.core.hammer.diagnostics import TABLE
from hammerd.core.hammer.messages import Cure, ParkCause
from hammerd.core.holds import HoldFault
from hammerd.core.hosts import far_guard
from hammerd.core.pair.complaints import LASTING_COMPLAINTS
from hammerd.core.pair.config_diff import READ_ONCE
from hammerd.core.pair.events import NoteName
from hammerd.core.pair.probe_verdict import SLAVE_AWAY, ProbeTrouble
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.state_table import row_of
from hammerd.core.pair.states import DownCause, LossCause, MisdirectedCause
from hammerd.core.pairs import Gear
from hammerd.core.replication.anomaly_log import AnomalyName
from tests.core.api.print_health_table import COLUMNS, ROWS, report
from tests.paths import ROOT

PAGE = (ROOT / "docs/hammerd.8").read_text()
CONFIG_PAGE = (ROOT / "docs/hammerd.toml.5").read_text()
PAGES = sorted((ROOT / "docs").glob("*.[1-9]"))

EVERY = frozenset({"config", "run-dir", "json", "help", "version"})
"""The options that are described once for all commands."""

LONG = {"c": "config", "h": "help", "plan": "dry-run", "-plan": "dry-run"}

STATES = [row_of(report(row, COLUMNS["in sync"]).life) for row in ROWS.values()]
"""The rows of all states: the health table leaves none out."""

# --- reading pages -------------------------------------------------------------------------------


def section(title: str, page: str = PAGE) -> str:
    """Return the text of a section, or of a subsection."""
    found = re.search(rf"^\.S([sh]) {re.escape(title)}\n", page, re.MULTILINE)
    assert found, f"no section {title}"
    ends = r"^\.S[sh] " if found[1] == "s" else r"^\.Sh "
    return re.split(ends, page[found.end() :], maxsplit=1, flags=re.MULTILINE)[0]


def items(text: str) -> Iterator[tuple[str, str]]:
    """Yield the head and the body of each item of the outermost lists."""
    depth, head, body = 0, "", list[str]()
    for line in text.replace("\\\n", "").splitlines():
        depth += line.startswith(".Bl") - line.startswith(".El")
        ends = depth == 0 or (depth == 1 and line.startswith(".It"))
        if ends and head:
            yield head, "\n".join(body) + "\n"
            head = ""
        if depth == 1 and line.startswith(".It"):
            head, body = line[4:], []
        else:
            body.append(line)


def body_of(head: str, text: str, place: str) -> str:
    """Return the body of the item with this head; `place` names the page and section."""
    bodies = [body for found, body in items(text) if found.split() == head.split()]
    assert len(bodies) == 1, f'{place}: {len(bodies)} items ".It {head}" instead of one'
    return bodies[0]


def names(text: str) -> set[str]:
    """Return the names in the heads of items: `.It Sy one , two`."""
    return {name for head, _ in items(text) for name in head.split()[1:] if name != ","}


def options(text: str) -> set[str]:
    """Return the options that are named in a text, `Fl -all` and `Fl o`, by their longest name."""
    named = set(re.findall(r"(?:\bFl|\|) (-?(?!Ar|Fl)[A-Za-z][a-z-]*)", text))
    return {LONG.get(name, name).removeprefix("-") for name in named}


# --- reading code --------------------------------------------------------------------------------


@cache
def trees(package: str) -> tuple[ast.Module, ...]:
    """Return the syntax trees of a package of ours."""
    files = sorted((ROOT / "hammerd" / package).rglob("*.py"))
    return tuple(ast.parse(file.read_text()) for file in files)


def literals(tree: ast.AST) -> Iterator[str]:
    """Yield the texts in a tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def first_words(package: str, *called: str) -> set[str]:
    """Return the literal first arguments of the calls of these names."""
    return {
        node.args[0].value
        for tree in trees(package)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) in called
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def returned(function: str) -> set[str]:
    """Return the plain words that a function of the core may return."""
    return {
        word
        for tree in trees("core")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == function
        for statement in ast.walk(node)
        if isinstance(statement, ast.Return) and statement.value
        for word in literals(statement.value)
    }


def complaints(*cures: Cure) -> set[str]:
    return {row.name for row in TABLE if row.cure in cures}


def command(name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found
    return found


def options_of(named_command: click.Command) -> set[str]:
    """Return the options of a command that not every command has, each by its longest name."""
    named = (
        max(one.opts, key=len) for one in named_command.params if isinstance(one, click.Option)
    )
    plain = (name.lstrip("-") for name in named)
    return {LONG.get(name, name).lstrip("-") for name in plain} - EVERY


# --- the pages as such ---------------------------------------------------------------------------


def test_readme_leads_to_the_pages() -> None:
    readme = (ROOT / "README.md").read_text()

    assert [page.name for page in PAGES if f"docs/{page.name}" not in readme] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_refers_to_within_itself_is_there(page: Path) -> None:
    text = page.read_text()
    titles = set(re.findall(r"^\.S[sh] (.*)$", text, re.MULTILINE))

    assert {
        title.rstrip(" .,") for title in re.findall(r"^\.Sx (.*)$", text, re.MULTILINE)
    } <= titles


# --- commands ------------------------------------------------------------------------------------


def test_commands() -> None:
    commands = section("COMMANDS").partition("The commands:\n")[2]

    assert names(commands) == set(COMMANDS)


def test_options_of_all_commands() -> None:
    common, _, _ = section("COMMANDS").partition("The commands:\n")

    assert {option for head, _ in items(common) for option in options(head)} == EVERY


@pytest.mark.parametrize("name", COMMANDS)
def test_options_of_a_command(name: str) -> None:
    commands = section("COMMANDS").partition("The commands:\n")[2]
    body = body_of(f"Cm {name}", commands, "hammerd.8, COMMANDS")

    documented = {option for head, _ in items(body) for option in options(head)}
    assert documented - EVERY == options_of(command(name))


@pytest.mark.parametrize("name", COMMANDS)
def test_synopsis_of_a_command(name: str) -> None:
    found = re.search(
        rf"^\.Nm\n\.Cm {name}\n((?:(?!\.Nm).*\n)*)", section("SYNOPSIS"), re.MULTILINE
    )
    assert found, f"hammerd.8, SYNOPSIS: no lines for {name}"
    documented = found[1]

    assert options(documented) - EVERY == options_of(command(name))
    takes = {param.name for param in command(name).params}
    shared = {"config": "config", "run_dir": "run-dir", "as_json": "json"}
    assert options(documented) & EVERY == {name for key, name in shared.items() if key in takes}


def test_checks_of_the_doctor() -> None:
    commands = section("COMMANDS").partition("The commands:\n")[2]
    body = body_of("Cm doctor", commands, "hammerd.8, COMMANDS")

    assert names(body) == first_words("cli/doctor", "step", "branch", "aside", "Line")


def test_json_is_an_option_of_all_commands_but_those_that_are_named() -> None:
    common, _, _ = section("COMMANDS").partition("The commands:\n")
    documented = body_of("Fl -json", common, "hammerd.8, COMMANDS")
    without = set(re.findall(r"^\.Cm (\w+)", documented, re.MULTILINE))

    assert {
        name for name in COMMANDS if "as_json" not in {one.name for one in command(name).params}
    } == without


@pytest.mark.parametrize("status", [*Exit, 70])
def test_every_exit_status_is_documented(status: int) -> None:
    assert str(int(status)) in [head for head, _ in items(section("EXIT STATUS"))]


def test_no_other_exit_status_is_documented() -> None:
    documented = {int(head) for head, _ in items(section("EXIT STATUS"))}

    # 70 is the code of a refusal after an error of the daemon itself (daemon/control/server.py).
    assert documented == {*map(int, Exit), 70}


# --- pairs ---------------------------------------------------------------------------------------


def test_states() -> None:
    assert names(section("The states of a pair")) == {row.word for row in STATES}


def test_phases() -> None:
    assert names(section("The phases of a stream")) == {"prescan", "copying", "idle"}
    assert {"prescan", "copying", "idle"} == {
        word
        for tree in trees("core")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "_phase_word"
        for word in literals(node)
    }


def test_what_is_waited_for() -> None:
    assert names(section("What a pair waits for")) == {row.waiting_for for row in STATES} - {None}


def test_healths() -> None:
    assert names(section("The healths of a pair")) == set(Health)


def test_gears() -> None:
    assert names(section("Gears")) == set(Gear)


def test_status_of_a_pair() -> None:
    functions = {
        "pair_json",
        "_stream_json",
        "_transfer_json",
        "_lag_json",
        "_extras_json",
        "_flushes_json",
    }
    keys = {
        key.value
        for tree in trees("core")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in functions
        for each in ast.walk(node)
        if isinstance(each, ast.Dict)
        for key in each.keys
        if isinstance(key, ast.Constant)
    }

    assert names(section("What the status tells of a pair")) == keys


# --- causes --------------------------------------------------------------------------------------


def test_parked_causes() -> None:
    assert names(section("Why a pair is parked")) == set(ParkCause)


def test_complaints_that_park() -> None:
    assert names(section("Complaints that park a pair")) == complaints(Cure.PARK)


def test_causes_of_backoff() -> None:
    causes = {*LossCause, *ProbeTrouble, *complaints(Cure.RETRY)}

    assert names(section("Why a pair waits for backoff")) == causes


def test_causes_of_waiting_for_a_mount() -> None:
    causes = first_words("core", "AwaitMount") | complaints(Cure.MOUNT) | {SLAVE_AWAY}

    assert names(section("Why a pair waits for a mount")) == causes


def test_all_other_causes() -> None:
    other = names(section("Other causes")) | names(section("Why a pair waits for its slave"))
    words = first_words("core", "Trouble") | returned("_wish") | returned("_because_of")

    words |= {f"{resource}_busy" for resource in {*Resource} - {Resource.DRAIN}}
    words |= complaints(Cure.NOTE) - LASTING_COMPLAINTS
    words |= {*MisdirectedCause, *DownCause, *HoldFault}
    assert other == words - set(NoteName.HALF_CONTINUED.split())


def test_kinds_of_notifications() -> None:
    assert names(section("Kinds of notifications")) == set(Kind)


def test_variables_of_a_notification() -> None:
    page = section("What the command is given")
    documented = set(re.findall(r"^\.Ev (HAMMERD_[A-Z_]+)", page, re.MULTILINE))

    message = heartbeat_message("host", "2026-11-26T00:00:00.000Z")
    assert documented == environment_of(message).keys()


def test_lasting_complaints() -> None:
    documented = names(section("Complaints that stay until they are acknowledged"))

    assert documented == LASTING_COMPLAINTS


def test_echoes() -> None:
    assert names(section("Lines that are no cause")) == complaints(Cure.ECHO)


def test_troubles_of_the_daemon() -> None:
    ends = ("_because", "_complaints", "_lost", "_dropped", "_failed")
    troubles = {name for name in get_type_hints(DaemonStatus) if name.endswith(ends)}

    assert names(section("When hammerd itself is in trouble")) == troubles


def test_anomalies() -> None:
    assert names(section("Anomalies")) == set(AnomalyName)


# --- the log -------------------------------------------------------------------------------------

_EVENT = re.compile(r"[a-z]+(?:_[a-z]+)*\.[a-z]+(?:_[a-z]+)*")
_FILE = re.compile(r".*\.(?:json|sock|pid|lock|log|db|py|bad|new)")


def logged() -> Iterable[str]:
    """Yield every event: a literal in the daemon, or made from a state, a note or a fault."""
    for tree in trees("daemon"):
        yield from filter(_EVENT.fullmatch, literals(tree))
    yield from (f"pair.{word}" for word in {row.word for row in STATES})
    yield from (f"pair.{word}" for word in (*NoteName, *LASTING_COMPLAINTS))
    yield from ("pair.event_failed", "pair.effect_failed", "pair.observer_failed")
    yield from AnomalyName


def test_events_of_the_log() -> None:
    events = {name for name in logged() if not _FILE.fullmatch(name)}

    # Never logged as such: it gives its place to the complaint's own name (journal.py).
    assert names(section("Events of the log")) == events - {f"pair.{NoteName.DAMAGED}"}


# --- signals, files, environment -----------------------------------------------------------------


def test_signals() -> None:
    (reactions,) = (
        node
        for tree in trees("daemon")
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign)
        and ast.unparse(node.annotation) == "dict[str, Reaction]"
    )
    meant = {word for word in literals(reactions) if re.fullmatch(r"[A-Z0-9]+", word)}

    assert names(section("SIGNALS")) == meant


DIRECTORIES = {"streams", paths.PLANS_DIR, paths.VERIFY_DIR, paths.VERIFIED_DIR}


def test_files_of_the_daemon() -> None:
    documented, settings = names(section("FILES")), DaemonConfig()
    run_dir, state_dir = settings.run_dir, settings.state_dir
    made = {
        word
        for tree in (*trees("daemon"), *trees("core"))
        for word in literals(tree)
        if re.fullmatch(r"[a-z]+\.(?:json|sock|pid|lock|db)", word)
    }
    ours = {path for path in documented if path.startswith((f"{run_dir}/", f"{state_dir}/"))}

    assert {paths.CONFIG, paths.SAMPLE, settings.log_file, settings.lag_log_file} <= documented
    assert {Path(path).name for path in ours} == {
        *made,
        *DIRECTORIES,
        paths.KNOWN_HOSTS_FILE,
    }


def test_environment() -> None:
    read = {
        node.args[0].value
        for package in ("core", "daemon", "cli/commands", "cli")
        for tree in trees(package)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "get"
        and ast.unparse(node.func.value) == "os.environ"
        and isinstance(node.args[0], ast.Constant)
    }

    # PATH is for the demo, which puts its programs in front of it.
    assert names(section("ENVIRONMENT")) == read - {"PATH"} | {far_guard.DIRECTORY_VALUE}


# --- the config ----------------------------------------------------------------------------------


def documented_keys(title: str) -> list[str]:
    return [head.split()[1] for head, _ in items(section(title, CONFIG_PAGE))]


TABLES = {
    "Keys of a pair": PAIR_KEYS,
    "Keys of the daemon": DAEMON_KEYS,
    "Keys of notifications": NOTIFY_KEYS,
}
EVERY_KEY = (*PAIR_KEYS, *DAEMON_KEYS, *NOTIFY_KEYS)


@pytest.mark.parametrize(("title", "keys"), TABLES.items())
def test_keys_stand_in_their_order(title: str, keys: tuple[Key, ...]) -> None:
    assert documented_keys(title) == [key.name for key in keys]


@pytest.mark.parametrize("key", EVERY_KEY, ids=lambda key: key.name)
def test_key_is_documented_with_its_unit_and_default(key: Key) -> None:
    title = next(title for title, keys in TABLES.items() if key in keys)
    keys = section(title, CONFIG_PAGE)
    body = body_of(f"Ic {key.name}", keys, f"hammerd.toml.5, {title}")
    documented, _, purpose = body.partition("\n")

    if key.is_required:
        default = "required"
    elif key.default is None:
        default = "no default"
    else:
        default = f"default Ql {key.show(key.default)}".replace('"', r"\(dq")
    assert documented == f".Pq Ar {key.kind.unit} , No {default}"
    assert purpose
    assert ("At start." in body) == (key.field in READ_ONCE)


def test_kinds_of_values_are_explained() -> None:
    kinds = {key.kind.unit for key in EVERY_KEY if "|" not in key.kind.unit}

    documented = {head.partition(" ")[2] for head, _ in items(section("Values", CONFIG_PAGE))}
    assert documented == kinds


def test_examples_are_a_config() -> None:
    from tests.config_text import parse_config

    texts = re.findall(r"\.Bd[^\n]*\n(.*?)\.Ed", section("EXAMPLES", CONFIG_PAGE), re.DOTALL)

    config = parse_config("".join(texts), "example")
    assert ([pair.name for pair in config.pairs], config.warnings) == (
        ["home", "mail", "offsite", "archive", "safe"],
        (),
    )
