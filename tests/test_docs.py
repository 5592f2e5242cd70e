"""The documents name only existing sections, paths, modules, tests, recordings, config keys.

Held are README.md and docs/*.md, those that will be written included, and every citation of a
document in code and tests. A citation of docs/hammer.md names a section: `docs/hammer.md 4.2`.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from hammerd.core.config.schema import DAEMON_KEYS, NOTIFY_KEYS, PAIR_KEYS
from tests.paths import DATA, ROOT, TESTS

FACTS = ROOT / "docs/hammer.md"
DOCS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
WINGS = tuple(
    path for path in sorted(ROOT.iterdir()) if path.is_dir() and not path.name.startswith(".")
)

SECTION = re.compile(r"^#{2,3} (\d+(?:\.\d+)?)\.? ", re.MULTILINE)
NUMBERS = r"\d+(?:\.\d+)?(?:(?:, | and )\d+(?:\.\d+)?)*"
CITATION = re.compile(rf"\bdocs/(\w+\.md)\b(?: ({NUMBERS}))?")
REFERENCE = re.compile(rf"\(({NUMBERS})[,)]")
DOCUMENT = re.compile(r"(?<![\w/.-])[\w/.-]*\w\.md\b")
FILE = re.compile(r"(?<![\w/.<>$-])(?:[\w.-]+/)+[\w.-]+\.(?:py|txt|toml|md|sh|[158])\b")
MODULE = re.compile(r"(?<![\w/.*<])[a-z]\w*\.py\b")
RECORDINGS = re.compile(r"\[((?:r?\d\d[a-z]{0,2}-[\w-]+(?:,\s+)?)+)\]")
QUOTED = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
NAME = re.compile(r"[a-z]\w*_\w+|[A-Z][a-z]+(?:[A-Z][a-z]*)+|[a-z_]+\.[a-z]+_[a-z_]+")
"""A name of the code: snake_case, CamelCase, or an event of the log."""

NOT_OURS = frozenset({FACTS.name})
"""Documents whose names are those of hammer(8) and the kernel."""


@cache
def text_of(file: Path) -> str:
    return file.read_text(errors="replace")


def every_text() -> Iterator[Path]:
    """Yield the files that people read, without what was recorded."""
    for wing in WINGS:
        for file in sorted(wing.rglob("*")):
            is_recorded = DATA in file.parents and file.name != "README.md"
            if file.is_file() and "__pycache__" not in file.parts and not is_recorded:
                yield file
    yield from (file for file in sorted(ROOT.iterdir()) if file.is_file())


TEXTS = tuple(every_text())
CODE = tuple(file for file in TEXTS if file.suffix == ".py")


def prose_of(doc: Path) -> str:
    return FENCE.sub("", text_of(doc))


def quoted_in(doc: Path) -> set[str]:
    """Return the texts in backticks within the lines of a document."""
    return set(QUOTED.findall(prose_of(doc)))


def is_there(path: str, by: Path) -> bool:
    """Return whether a path names something: from the root, a package, or the citing file."""
    starts = (ROOT, ROOT / "hammerd", TESTS, by.parent)
    return any((start / path).exists() for start in starts)


def sections_of(doc: Path) -> list[str]:
    return SECTION.findall(text_of(doc)) if doc.is_file() else []


def numbers_in(text: str) -> list[str]:
    return re.findall(r"\d+(?:\.\d+)?", text)


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


of_each_document = pytest.mark.parametrize("doc", DOCS, ids=short)

# --- sections ------------------------------------------------------------------------------------


@of_each_document
def test_sections_are_numbered_one_after_the_other(doc: Path) -> None:
    counted, chapter, section = [], 0, 0
    for number in sections_of(doc):
        chapter, section = (chapter, section + 1) if "." in number else (chapter + 1, 0)
        counted.append(f"{chapter}.{section}" if section else f"{chapter}")

    assert sections_of(doc) == counted


def test_every_section_that_is_cited_is_there() -> None:
    lost = {
        f"{short(file)}: {name} {number}"
        for file in TEXTS
        for name, numbers in CITATION.findall(text_of(file))
        for number in numbers_in(numbers)
        if number not in sections_of(ROOT / "docs" / name)
    }

    assert lost == set()


@of_each_document
def test_every_section_that_a_document_refers_to_is_there(doc: Path) -> None:
    sections = sections_of(doc)
    referred = {
        number
        for numbers in REFERENCE.findall(prose_of(doc))
        for number in numbers_in(numbers)
        if sections and "." in number
    }

    assert sorted(referred - set(sections)) == []


def test_code_cites_the_facts_by_section_and_in_one_form() -> None:
    vague = {
        short(file)
        for file in CODE
        if file != Path(__file__)
        if "\N{SECTION SIGN}" in text_of(file)
        or (FACTS.name, "") in CITATION.findall(text_of(file))
    }

    assert vague == set()


# --- files, modules, tests -----------------------------------------------------------------------


def test_every_document_that_is_named_is_there() -> None:
    names = {file.name for file in TEXTS} | {"notes.md"}
    lost = {
        f"{short(file)}: {path}"
        for file in TEXTS
        for path in DOCUMENT.findall(text_of(file))
        if not (is_there(path, file) if "/" in path else path in names)
    }

    assert lost == set()


def test_every_file_that_code_names_is_there() -> None:
    tops = {path.name for start in (ROOT, ROOT / "hammerd", TESTS) for path in start.glob("*")}
    lost = {
        f"{short(file)}: {path}"
        for file in CODE
        for path in FILE.findall(text_of(file))
        if path.partition("/")[0] in tops and not is_there(path, file)
    }

    assert lost == set()


def test_every_module_that_the_program_names_without_a_path_is_there() -> None:
    names = {file.name for file in CODE}
    lost = {
        f"{short(file)}: {name}"
        for file in CODE
        if ROOT / "hammerd" in file.parents
        for name in MODULE.findall(text_of(file))
        if name not in names
    }

    assert lost == set()


@of_each_document
def test_every_path_that_a_document_names_is_there(doc: Path) -> None:
    tops = {path.name for start in (ROOT, ROOT / "hammerd") for path in start.iterdir()}
    quoted = {word.partition("::")[0] for word in quoted_in(doc)}
    paths = {
        word
        for word in quoted
        if re.fullmatch(r"[\w./-]+", word) and "/" in word and word.partition("/")[0] in tops
    }
    links = {link for link in LINK.findall(prose_of(doc)) if "://" not in link}
    installed = {path for path in paths if f"$(TO)/{path}" in text_of(ROOT / "Makefile")}

    assert sorted(path for path in paths - installed | links if not is_there(path, doc)) == []


@of_each_document
def test_every_module_that_a_document_names_is_there(doc: Path) -> None:
    modules = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in CODE
    }
    files = {file.name for file in TEXTS}
    lost = {
        word
        for word in quoted_in(doc)
        if (re.fullmatch(r"hammerd(\.\w+)+", word) and word not in modules | files)
        or (re.fullmatch(r"\w+\.py", word) and word not in files)
    }

    assert sorted(lost) == []


@of_each_document
def test_every_test_that_a_document_names_is_there(doc: Path) -> None:
    named = {tuple(word.split("::")) for word in quoted_in(doc) if "::" in word}
    lost = [
        f"{path}::{test}"
        for path, test, *_ in sorted(named)
        if not (ROOT / path).is_file()
        or f"def {test.partition('[')[0]}(" not in text_of(ROOT / path)
    ]

    assert lost == []


@of_each_document
def test_every_recording_that_a_document_names_is_there(doc: Path) -> None:
    named = {
        name for names in RECORDINGS.findall(text_of(doc)) for name in re.split(r",\s+", names)
    }

    assert (
        sorted(
            name
            for name in named
            if not any((DATA / kind / name).is_dir() for kind in ("transcripts", "kernel"))
        )
        == []
    )


# --- names and keys ------------------------------------------------------------------------------


@cache
def names_in_code() -> frozenset[str]:
    """Return every word of the code and of the pages, and every text that stands in it alone."""
    words: set[str] = set()
    for file in TEXTS:
        if file.suffix == ".md" or file == Path(__file__):
            continue
        words.update(re.findall(r"\w+", text_of(file)))
        if file.suffix == ".py":
            words.update(
                node.value
                for node in ast.walk(ast.parse(text_of(file)))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            )
    return frozenset(words)


@of_each_document
def test_every_name_that_a_document_quotes_is_there(doc: Path) -> None:
    examples = {
        word for _, code in FENCE.findall(text_of(doc)) for word in re.findall(r"\w+", code)
    }
    names = {word for word in quoted_in(doc) if doc.name not in NOT_OURS and NAME.fullmatch(word)}

    assert sorted(name for name in names - names_in_code() - examples) == []


def keys_of(table: dict[str, object], kind: str) -> Iterator[tuple[str, str]]:
    """Yield each key of a config with the kind of its table."""
    for name, value in table.items():
        if isinstance(value, dict):
            inner = name if name in ("daemon", "notify", "pairs") else "pair"
            yield from keys_of(value, "notify" if kind == "notify" else inner)
        else:
            yield kind, name


@of_each_document
def test_every_config_key_in_an_example_is_there(doc: Path) -> None:
    tables = (("daemon", DAEMON_KEYS), ("pair", PAIR_KEYS), ("notify", NOTIFY_KEYS))
    keys = {(kind, key.name) for kind, known in tables for key in known}
    bare = {("", name) for _, name in keys}
    given = {
        key
        for language, code in FENCE.findall(text_of(doc))
        if language == "toml"
        for key in keys_of(tomllib.loads(code), "")
    }
    quoted = {
        ("", found[1]) for word in quoted_in(doc) if (found := re.fullmatch(r"(\w+) = .+", word))
    }

    assert sorted((given | quoted) - keys - bare) == []


# --- the way to them -----------------------------------------------------------------------------


@pytest.mark.parametrize("doc", DOCS[1:], ids=short)
def test_readme_leads_to_each_document(doc: Path) -> None:
    assert short(doc) in text_of(DOCS[0])
