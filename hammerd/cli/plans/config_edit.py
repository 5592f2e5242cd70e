"""Edits the ends of a pair in the text of a config; comments and the order of keys are kept."""

import difflib
from collections.abc import Mapping

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.exit_codes import Exit
from hammerd.core.plans.steps import WriteFile

MISSING = "editing the config needs tomlkit, which is not installed"
HINT = "install it, or edit the pair by hand: %s"


def edit_config(path: str, text: str, pair: str, keys: Mapping[str, str]) -> WriteFile | None:
    """Return the edit that gives keys of a pair these values, None if it has them.

    A pair that is missing is added at the end.

    Raises:
        CommandFailed: tomlkit is not installed.
    """
    try:
        import tomlkit
    except ImportError as error:
        wanted = ", ".join(f'{key} = "{value}"' for key, value in keys.items())
        raise CommandFailed(MISSING, HINT % wanted, code=Exit.UNAVAILABLE) from error
    config = tomlkit.parse(text)
    pairs = config.setdefault("pairs", tomlkit.table(is_super_table=True))
    ends = pairs.setdefault(pair, tomlkit.table())
    for key, value in keys.items():
        if ends.get(key) != value:
            ends[key] = value
    new = tomlkit.dumps(config)
    if new == text:
        return None
    return WriteFile(path, new, tuple(changed_lines(text, new)), expected_text=text)


def changed_lines(old: str, new: str) -> list[str]:
    """Return the lines that differ, `- line` or `+ line`."""
    lines = difflib.ndiff(old.splitlines(), new.splitlines())
    return [line for line in lines if line.startswith(("- ", "+ "))]
