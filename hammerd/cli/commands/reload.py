"""`hammerd reload`: have the running hammerd read its config anew."""

import click

from hammerd.cli.options.location import asks_the_daemon, current
from hammerd.cli.output.json_output import say_json, tells_json
from hammerd.cli.output.text import say
from hammerd.core.api.protocol import Request, Verb

_WORDS = (
    "started",
    "stopped",
    "restarted",
    "paused",
    "retuned",
    "kept",
    "applied",
    "for_next_start",
)


@click.command(epilog="Example: hammerd reload")
@tells_json
@asks_the_daemon
def reload(*, as_json: bool, config: str | None, run_dir: str | None) -> int:
    """Have the running hammerd read its config anew.

    Only pairs whose streams would be given other words are restarted. A config with faults is
    refused as a whole, with exit status 78, and the one in force stays.
    """
    told = current(config, run_dir).ask(Request(Verb.RELOAD))
    if as_json:
        say_json(told)
        return 0
    for word in _WORDS:
        names = told.get(word)
        if isinstance(names, list) and names:
            say(f"{word.replace('_', ' ')}: {', '.join(map(str, names))}")
    return 0
