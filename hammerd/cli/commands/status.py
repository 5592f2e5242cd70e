"""`hammerd status`: how every pair fares, for eyes or as JSON."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from hammerd.cli.control_client import ask
from hammerd.cli.render import render_status
from hammerd.cli.status_answer import read_status
from hammerd.cli.terminal import print_lines
from hammerd.cli.whereabouts import asks_the_daemon, current
from hammerd.core.control_messages import Request, Verb

WATCH_S = 2.0


@click.command(epilog="Example: hammerd status")
@click.argument("pairs", nargs=-1, metavar="[PAIR]...")
@click.option("--json", "as_json", is_flag=True, help="Print the daemon's answer as it is.")
@click.option(
    "--watch",
    "interval_s",
    type=click.FloatRange(min=0.1),
    is_flag=False,
    flag_value=WATCH_S,
    metavar="[SECONDS]",
    help=f"Again and again, every {WATCH_S:g} seconds or --watch=SECONDS.",
)
@asks_the_daemon
def status(
    pairs: tuple[str, ...],
    *,
    as_json: bool,
    interval_s: float | None,
    config: Path | None,
    run_dir: Path | None,
) -> int:
    """Show how all pairs fare, or the named ones."""
    place = current(config, run_dir).find_run_dir()
    request = Request(Verb.STATUS, tuple(dict.fromkeys(pairs)))
    show = _show_json if as_json else _show_table
    if interval_s is None:
        show(place, request)
    else:
        _watch(lambda: show(place, request), interval_s)
    return 0


def _show_json(run_dir: Path, request: Request) -> None:
    click.echo(json.dumps(ask(run_dir, request), ensure_ascii=False))


def _show_table(run_dir: Path, request: Request) -> None:
    print_lines(render_status(read_status(ask(run_dir, request))))


def _watch(show: Callable[[], None], interval_s: float) -> None:
    """Show again and again until interrupted: that is how a watch ends, not how it fails."""
    try:
        while True:
            if sys.stdout.isatty():
                click.clear()
            show()
            sys.stdout.flush()
            time.sleep(interval_s)
    except KeyboardInterrupt:
        return
