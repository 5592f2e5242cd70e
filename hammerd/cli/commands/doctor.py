"""The command `hammerd doctor`: tries the whole way of pairs, without a daemon."""

import click

from hammerd.cli.options.completion import complete_pairs
from hammerd.cli.options.config_pairs import chosen_pairs
from hammerd.cli.options.location import config_option, current_location, load_config
from hammerd.cli.output.json_output import json_option, print_json
from hammerd.cli.output.text import print_text
from hammerd.core import paths
from hammerd.core.exit_codes import Exit


@click.command(epilog="Example: hammerd doctor home")
@click.argument("pairs", shell_complete=complete_pairs, nargs=-1, metavar="[PAIR]...")
@json_option
@config_option
def doctor(pairs: tuple[str, ...], *, as_json: bool) -> int:
    """Try the whole way of all enabled pairs, or of the named ones.

    Hosts, logins, mounts, PFSs, what a boot changes, and the kernel's messages: each line is ok,
    or tells what is wrong and what to do. The first bad line names the fault; what would only
    follow from it is not tried. Changes nothing, needs no hammerd, and exits with 1 when a line
    is bad. What needs root is not tried without.
    """
    path = current_location().config or paths.CONFIG
    config = load_config(path)
    chosen = chosen_pairs(pairs, config)
    # Imported only here: --help needs no process.
    from hammerd.cli.doctor.examination import examine
    from hammerd.cli.doctor.lines import report

    blocks = examine(config.daemon, chosen)
    if as_json:
        print_json({"config": path, "lines": report.as_json(blocks)})
    else:
        for line in report.as_text(blocks):
            print_text(line)
    return Exit.OK if report.is_well(blocks) else Exit.FAILURE
