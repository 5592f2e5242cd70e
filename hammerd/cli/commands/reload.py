"""The command `hammerd reload`: lets the running hammerd read its config again."""

import click

from hammerd.cli.options.location import current_location, takes_location
from hammerd.cli.output.json_output import json_option, print_json
from hammerd.cli.output.text import print_text
from hammerd.core.api.protocol import Request, Verb


@click.command(epilog="Example: hammerd reload")
@json_option
@takes_location
def reload(*, as_json: bool) -> int:
    """Have the running hammerd read its config anew.

    Only pairs whose streams would be given other words are restarted. A config with faults is
    refused as a whole, with exit status 78, and the one in force stays.
    """
    changes = current_location().send(Request(Verb.RELOAD))
    if as_json:
        print_json(changes)
        return 0
    for word, names in changes.items():
        if isinstance(names, list) and names:
            print_text(f"{word.replace('_', ' ')}: {', '.join(map(str, names))}")
    return 0
