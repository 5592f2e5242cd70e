"""`hammerd status`: how every pair fares, for eyes or as JSON."""

import contextlib
import json
import re
import sys

import click

from hammerd.cli.control_client import ask
from hammerd.cli.render import Line, render_status
from hammerd.cli.saying import width_of
from hammerd.cli.status_answer import read_status
from hammerd.cli.terminal import print_lines
from hammerd.cli.whereabouts import asks_the_daemon, current
from hammerd.core.control_messages import Request, Verb

WATCH_S = 2.0
SHORTEST_WATCH_S = 0.1

_SECONDS = r"[0-9]+\.?[0-9]*|\.[0-9]+"


@click.command(epilog="Example: hammerd status")
@click.argument("pairs", nargs=-1, metavar="[PAIR]...")
@click.option("--json", "as_json", is_flag=True, help="Print the daemon's answer as it is.")
@click.option(
    "--watch",
    is_flag=False,
    flag_value=f"{WATCH_S:g}",
    metavar="[SECONDS]",
    help=f"Again and again, every {WATCH_S:g} seconds or --watch=SECONDS.",
)
@asks_the_daemon
def status(
    pairs: tuple[str, ...],
    *,
    as_json: bool,
    watch: str | None,
    config: str | None,
    run_dir: str | None,
) -> int:
    """Show how all pairs fare, or the named ones."""
    interval_s, named = _watch_of(watch)
    place = current(config, run_dir).find_run_dir()
    request = Request(Verb.STATUS, tuple(dict.fromkeys((*named, *pairs))))
    if interval_s is not None:
        _watch(place, request, interval_s, as_json=as_json)
    elif as_json:
        click.echo(_json(place, request))
    else:
        print_lines(_table(place, request))
    return 0


def _watch_of(value: str | None) -> tuple[float | None, tuple[str, ...]]:
    """Return the seconds of --watch, and the pair that stands where they may: `--watch home`."""
    if value is None:
        return None, ()
    if re.fullmatch(_SECONDS, value) is None:
        return WATCH_S, (value,)
    if float(value) < SHORTEST_WATCH_S:
        raise click.UsageError(f"--watch={value}: look every {SHORTEST_WATCH_S:g} s at most")
    return float(value), ()


def _watch(run_dir: str, request: Request, interval_s: float, *, as_json: bool) -> None:
    # Who looks once does not wait for this import.
    from hammerd.cli.watching import watch_json, watch_table

    # To be interrupted is how a watch ends, not how it fails.
    with contextlib.suppress(KeyboardInterrupt):
        if as_json:
            watch_json(lambda: _json(run_dir, request), interval_s)
        else:
            watch_table(lambda: _table(run_dir, request), interval_s)


def _json(run_dir: str, request: Request) -> str:
    return json.dumps(ask(run_dir, request), ensure_ascii=False)


def _table(run_dir: str, request: Request) -> tuple[Line, ...]:
    return render_status(read_status(ask(run_dir, request)), width_of(sys.stdout))
