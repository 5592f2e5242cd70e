"""Completes command lines for shells: names of pairs, and the protocol of tcsh.

    shell ── _HAMMERD_COMPLETE=bash_complete hammerd ──> click: which parameter? ──> its values

The scripts in etc/completion call hammerd so. Whatever fails completes nothing: an error message
would stand in the middle of the line that a person types.
"""

import os
from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

from hammerd.cli.options.location import Location, read_file
from hammerd.core import paths
from hammerd.core.errors import HammerdError

VARIABLE = "_HAMMERD_COMPLETE"
TIMEOUT_S = 1.0
"""A person waits: after that time the names come from the config."""


def complete_pairs(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the names of pairs that begin with `incomplete`, without those typed already."""
    typed = context.params.get(str(parameter.name)) or ()
    names = pair_names(context.obj or Location())
    return [
        CompletionItem(name) for name in names if name.startswith(incomplete) and name not in typed
    ]


def pair_names(location: Location) -> Iterable[str]:
    """Return the names of the daemon's pairs; without a daemon those of the config."""
    try:
        return tuple(_running_pairs(location))
    except (HammerdError, OSError):
        pass
    try:
        return tuple(_configured_pairs(location.config or paths.CONFIG))
    except (HammerdError, OSError):
        return ()


def _running_pairs(location: Location) -> Iterable[str]:
    from hammerd.cli.client.status_types import read_status
    from hammerd.core.api.protocol import Request, Verb

    status = read_status(location.send(Request(Verb.STATUS), TIMEOUT_S))
    return (pair["pair"] for pair in status["pairs"])


def _configured_pairs(path: str) -> Iterable[str]:
    """Return the names of a config's pairs, whatever else is wrong with it."""
    from hammerd.core.config.toml import read_toml

    pairs = read_toml(read_file(path), path).get("pairs")
    return pairs if isinstance(pairs, dict) else ()


class TcshComplete(ShellComplete):
    """Completion for tcsh, which gives the line in COMMAND_LINE and chooses by prefix itself."""

    name = "tcsh"
    source_template = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is completed, and that word."""
        words = os.environ.get("COMMAND_LINE", "").split(" ")
        return [word for word in words[1:-1] if word], words[-1]

    def format_completion(self, item: CompletionItem) -> str:
        """Return a line for tcsh; paths are completed by rules of its script."""
        return str(item.value) if item.type == "plain" else ""


add_completion_class(TcshComplete)
