"""Edits the ends of a pair in the text of a config; comments and the order of keys are kept."""

import difflib
import tomllib
from collections.abc import Mapping

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.characters import BYTE_ORDER_MARK
from hammerd.core.exit_codes import Exit
from hammerd.core.plans.steps import WriteFile

MISSING = "editing the config needs tomlkit, which is not installed"
HINT = "install it, or edit the pair by hand: %s"
ODD = "%s is written in a way in which pair %s cannot be edited"


def edit_config(path: str, text: str, pair: str, keys: Mapping[str, str]) -> WriteFile | None:
    """Return the edit that gives keys of a pair these values, None if it has them.

    A pair that is missing is added at the end.

    Raises:
        CommandFailed: tomlkit is not installed, or cannot edit this text.
    """
    content = text.removeprefix(BYTE_ORDER_MARK)
    mark = text[: len(text) - len(content)]
    new = mark + _edited(path, content, pair, keys)
    if new == text:
        return None
    return WriteFile(path, new, tuple(changed_lines(text, new)), expected_text=text)


def _edited(path: str, text: str, pair: str, keys: Mapping[str, str]) -> str:
    by_hand = ", ".join(f'{key} = "{value}"' for key, value in keys.items())
    try:
        import tomlkit
    except ImportError as error:
        raise CommandFailed(MISSING, HINT % by_hand, code=Exit.UNAVAILABLE) from error
    try:
        config = tomlkit.parse(text)
        pairs = config.setdefault("pairs", tomlkit.table(is_super_table=True))
        ends = pairs.setdefault(pair, tomlkit.table())
        for key, value in keys.items():
            if ends.get(key) != value:
                ends[key] = value
        new = tomlkit.dumps(config)
        # It puts tables of pairs with dotted keys in the wrong place, without an error.
        is_right = tomllib.loads(new) == _wanted(text, pair, keys)
    except (ValueError, TypeError, KeyError, AttributeError):
        is_right = False
    if not is_right:
        hint = f"edit the pair by hand: {by_hand}"
        raise CommandFailed(ODD % (path, pair), hint, code=Exit.UNAVAILABLE)
    return new


def _wanted(text: str, pair: str, keys: Mapping[str, str]) -> dict[str, object]:
    """Return the values that a text is to have."""
    config = tomllib.loads(text)
    config.setdefault("pairs", {}).setdefault(pair, {}).update(keys)
    return config


def changed_lines(old: str, new: str) -> list[str]:
    """Return the lines that differ, `- line` or `+ line`."""
    lines = difflib.ndiff(old.splitlines(), new.splitlines())
    return [line for line in lines if line.startswith(("- ", "+ "))]
