"""The README, docs/install.md and docs/demo.md name only existing things, and their commands work.

Checked are paths, anchors, commands and their options, verbs of the service, targets of make,
configs. The failover of the README is run in the demo's fake_root.
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from hammerd.cli.demo.fake_root import FakeRoot
from hammerd.cli.demo.streams import end_processes_below
from hammerd.cli.demo.tutorial import make_pair
from hammerd.cli.group import COMMANDS, group
from hammerd.core import paths
from hammerd.simulator import admin
from tests.config_text import parse_config
from tests.daemon.world import until
from tests.paths import ROOT

README = (ROOT / "README.md").read_text()
MOST_LINES = 169
PAGES = ("README.md", "docs/install.md", "docs/demo.md")
LINKING = ("README.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))))
PATIENCE_S = 300
AS_OF_TREES = 5

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:docs|etc|tests|hammerd|rc\.d|bench)/[\w./-]+)`")
_CODE = re.compile(r"`([^`\n]+)`")
_RC_SUBR_VERBS = {"start", "stop", "restart", "status", "rcvar"}


def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def blocks(text: str, language: str) -> list[str]:
    return [body for found, body in _BLOCK.findall(text) if found == language]


def shell_lines(page: str) -> Iterator[str]:
    """Yield what a reader may type: lines of shell blocks, indented lines, code in a sentence."""
    text = text_of(page)
    for block in blocks(text, "sh"):
        yield from block.splitlines()
    prose = _BLOCK.sub("", text)
    yield from (line for line in prose.splitlines() if line.startswith("    "))
    yield from _CODE.findall(prose)


def typed(page: str, program: str) -> list[list[str]]:
    """Return the words that follow a program wherever a reader may type it."""
    found = []
    for line in shell_lines(page):
        for part in re.split(r"&&|;|\|", line.partition("#")[0]):
            words = part.split()
            if words[:1] == [program]:
                found.append(words[1:])
    return found


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", _BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in headings}


def leads_somewhere(page: str, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (ROOT / page).parent / path if path else ROOT / page
    return file.exists() and (not anchor or anchor in anchors(file.read_text()))


def command(name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found is not None
    return found


def options_of(name: str) -> set[str]:
    parameters = (one for one in command(name).params if isinstance(one, click.Option))
    return {option for one in parameters for option in one.opts}


# --- what is named is there ----------------------------------------------------------------------


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("page", LINKING)
def test_every_link_leads_somewhere(page: str) -> None:
    targets = [one for one in _LINK.findall(text_of(page)) if "://" not in one]

    assert [target for target in targets if not leads_somewhere(page, target)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_is_named_is_there(page: str) -> None:
    installed = set(re.findall(r"`\w+/\S+`", text_of(page).partition("below `PREFIX`")[2]))

    named = [path for path in _PATH.findall(text_of(page)) if f"`{path}`" not in installed]
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", LINKING[1:])
def test_readme_leads_to_the_page(page: str) -> None:
    assert f"]({page})" in README


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_hammerd_is_one(page: str) -> None:
    for words in typed(page, "hammerd"):
        name, *rest = words
        assert name in COMMANDS, words
        assert {word for word in rest if word.startswith("-")} <= options_of(name), words


@pytest.mark.parametrize("page", PAGES)
def test_every_verb_of_the_service_is_one(page: str) -> None:
    (more,) = re.findall(r'^extra_commands="(.*)"$', text_of("rc.d/hammerd"), re.MULTILINE)

    documented = {words[1] for words in typed(page, "service") if words[0] == "hammerd"}
    assert documented <= {*more.split(), *_RC_SUBR_VERBS}


def test_readme_names_the_check_that_ci_runs() -> None:
    assert "\nmake check\n" in text_of(".ci/run")
    assert ["check"] in typed("README.md", "make")


@pytest.mark.parametrize("page", PAGES)
def test_every_target_and_setting_of_make_is_one(page: str) -> None:
    makefile = text_of("Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    settings = set(re.findall(r"^([A-Z_]+) =", makefile, re.MULTILINE))

    for words in typed(page, "make"):
        given = {word.partition("=")[0] for word in words if "=" in word}
        assert given <= settings, words
        assert {word for word in words if "=" not in word} <= targets, words


@pytest.mark.parametrize("page", PAGES)
def test_variables_of_rc_conf_are_read_by_the_service(page: str) -> None:
    script = text_of("rc.d/hammerd") + text_of("rc.d/hammerd_web")
    named = set(re.findall(r"\bhammerd_[a-z]+", text_of(page)))

    assert {name for name in named if name not in script} == set()


@pytest.mark.parametrize("page", PAGES[:2])
def test_configs_have_no_fault(page: str) -> None:
    (config,) = blocks(text_of(page), "toml")

    assert [pair.name for pair in parse_config(config, page).pairs] == ["test"]


def test_packages_are_the_same_everywhere() -> None:
    lists = {
        line
        for page in PAGES
        for line in shell_lines(page)
        if line.startswith("pkg ") and "rich" in line
    }

    assert len(lists) == 1


def test_picture_has_no_external_parts_and_a_dark_mode() -> None:
    picture = text_of("docs/overview.svg")

    assert re.findall(r"(?:href|src)=|url\((?!#)|@import|@font-face|<script", picture) == []
    assert "@media (prefers-color-scheme: dark)" in picture


# --- the failover --------------------------------------------------------------------------------


@pytest.fixture
def fake_root() -> Iterator[FakeRoot]:
    """The tutorial's pair, and the config of the README but for where things lie."""
    # pytest's own directories are too long for the name of a Unix socket.
    with tempfile.TemporaryDirectory(prefix="h", dir="/tmp") as path:
        made = FakeRoot(Path(path))
        made.build()
        make_pair(made)
        admin.set_knob(made.path("/Backup2"), "as_of", AS_OF_TREES)
        made.write(paths.CONFIG, _config())
        try:
            made.shell(with_config("hammerd run --detach"))
            yield made
        finally:
            end_processes_below(made.root)


def _config() -> str:
    return (
        '[daemon]\nhammer = "/sbin/hammer"\nlog_file = "/var/log/hammerd/hammerd.log"\n'
        'lag_log_file = "/var/log/hammerd/lag.log"\nstate_dir = "/var/db/hammerd"\n'
        'run_dir = "/var/run/hammerd"\nsample_interval = "1s"\n'
        + blocks(README, "toml")[0].replace('flush_every = "10s"', 'flush_every = "1s"')
    )


def with_config(script: str) -> str:
    """Return a script whose hammerd commands read the config of the fake_root."""
    return re.sub(r"\bhammerd (?=[a-z])(\w+)", rf"hammerd \1 -c {paths.CONFIG}", script)


def confirmed(script: str) -> str:
    """Return a script whose plans ask nothing."""
    return re.sub(r"\b(hammerd (?:promote|reseed) [^#\n]*?)(?= *(?:#|$))", r"\1 --yes", script)


def is_text(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


@pytest.mark.timeout(PATIENCE_S)
def test_the_day_the_master_dies(fake_root: FakeRoot) -> None:
    section = README.partition("## The day the master dies\n")[2].partition("\n## ")[0]
    takes_over, turns_round = blocks(section, "sh")
    before, after = fake_root.path("/Backup2/pfs/test/a"), fake_root.path("/Backup2/pfs/test/b")
    fake_root.shell("echo before > /Backup1/test/a && hammer synctid /Backup1")
    until(lambda: is_text(before, "before\n"), "the slave follows")

    fake_root.path("/Backup1").rename(fake_root.path("/lost"))
    status = with_config("hammerd status test")
    until(lambda: "everything flushed by" in fake_root.shell(status), "the loss is seen")
    shown = fake_root.shell(with_config(confirmed(takes_over)))

    assert "everything flushed by" in shown
    assert is_text(before, "before\n")
    after.write_text("after\n")

    admin.new_file_system(fake_root.path("/Backup1"), "Backup1", tid_base=5 << 32)
    admin.set_knob(fake_root.path("/Backup1"), "as_of", AS_OF_TREES)
    fake_root.shell(with_config(confirmed(turns_round)))

    copied = fake_root.path("/Backup1/pfs/test/b")
    assert is_text(copied, "after\n")
    fake_root.path("/Backup2/pfs/test/c").write_text("later\n")
    later = fake_root.path("/Backup1/pfs/test/c")
    until(lambda: is_text(later, "later\n"), "the new slave follows")
    fake_root.shell("kill $(cat /var/run/hammerd/hammerd.pid)")
    until(lambda: not fake_root.path("/var/run/hammerd/hammerd.pid").exists(), "hammerd ends")
