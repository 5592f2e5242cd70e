"""The command `hammerd wait`: comes back when slaves hold what their masters hold now."""

import time

import click

from hammerd.cli.options.completion import complete_pairs
from hammerd.cli.options.config_pairs import chosen_pairs
from hammerd.cli.options.location import Location, current_location, load_config, takes_location
from hammerd.cli.options.span import read_span
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.output.json_output import json_option, print_json
from hammerd.cli.output.numbers import show_moment, show_period
from hammerd.cli.output.text import print_error, print_text
from hammerd.cli.wait.ends import Ends
from hammerd.cli.wait.held import refuse_held
from hammerd.cli.wait.supervision import Supervision
from hammerd.cli.wait.waiting import Order, Outcome, Parts, Waited, wait_for_all
from hammerd.core import paths
from hammerd.core.config.model import Config
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Pair
from hammerd.core.rfc3339 import rfc3339
from hammerd.core.tid import Tid, format_tid

CODES = {Outcome.HELD: Exit.OK, Outcome.LATE: Exit.TEMPORARY, Outcome.GIVEN_UP: Exit.UNAVAILABLE}
"""The exit statuses of the outcomes; of several pairs the last in this order counts."""


@click.command(epilog="Example: hammerd wait home --timeout 5m && shutdown -r now")
@click.argument("pairs", shell_complete=complete_pairs, nargs=-1, required=True, metavar="PAIR...")
@click.option(
    "--timeout",
    "timeout_s",
    callback=read_span,
    default="10m",
    metavar="DURATION",
    help="How long to wait: 30s, 5m, 1h30m.  [default: 10m]",
)
@click.option("--durable", is_flag=True, help="Flush the file systems of the slaves, too.")
@json_option
@takes_location
def wait(pairs: tuple[str, ...], *, timeout_s: float, durable: bool, as_json: bool) -> int:
    """Flush the masters, and come back when the slaves hold all that was written before.

    The exit status is 0 then, 75 when the time is over, and 69 at once when a pair cannot catch
    up by itself: it is parked, paused, disabled or held by a plan, or nothing streams it. With
    --durable what the slaves hold outlives a cut of their power.
    """
    location, begun_at, begun_time = current_location(), time.monotonic(), rfc3339(time.time())
    config = load_config(location.config or paths.CONFIG)
    chosen = chosen_pairs(pairs, config)
    refuse_held(config.daemon.state_dir, chosen)
    supervision = Supervision(_with_run_dir(location, config), chosen)
    parts = Parts(Ends(config.daemon.hammer), supervision, _keep_quiet if as_json else _tell)
    found = wait_for_all(chosen, parts, Order(begun_at + timeout_s, durable))
    if as_json:
        print_json({"begun_time": begun_time, "pairs": [_json(each) for each in found]})
    else:
        for each in found:
            _print(each, begun_time, time.monotonic() - begun_at)
    outcome = max((each.outcome for each in found), key=list(CODES).index)
    return CODES[outcome]


def _with_run_dir(location: Location, config: Config) -> Location:
    run_dir = location.run_dir or config.daemon.run_dir
    return Location(location.config, run_dir)


def _tell(pair: Pair, text: str) -> None:
    print_text(f"{pair.name}: {text}")


def _keep_quiet(_pair: Pair, _text: str) -> None:
    pass


def _json(waited: Waited) -> dict[str, object]:
    obstacle = waited.obstacle
    return {
        "pair": waited.pair.name,
        "outcome": waited.outcome,
        "needed_tid": _shown(waited.goal),
        "slave_tid": _shown(waited.seen),
        "is_durable": waited.is_durable,
        "because": obstacle.because if obstacle else None,
        "hint": (obstacle.hint or None) if obstacle else None,
    }


def _shown(tid: Tid | None) -> str | None:
    return None if tid is None else format_tid(tid)


def _print(waited: Waited, begun_time: str, took_s: float) -> None:
    name, moment = waited.pair.name, show_moment(begun_time, with_seconds=True)
    what = f"all that was written before {moment}"
    if waited.outcome is Outcome.HELD:
        where = "on the slave's disk" if waited.is_durable else "on the slave"
        print_text(f"{name}: {what} is {where} (after {took_s:.1f} s)")
    elif waited.outcome is Outcome.LATE:
        goal = _shown(waited.goal) or "a TID that is not known yet"
        tid = _shown(waited.seen)
        seen = f"the slave is at {tid}" if tid else "the slave cannot be read"
        message = f"{name}: not in time, after {show_period(took_s)}: {seen}"
        hint = f'"hammerd status {name}" tells why'
        print_error(CommandFailed(f"{message}, and needs {goal} for {what}", hint))
    elif waited.obstacle is not None:
        print_error(
            CommandFailed(f"{name}: given up: {waited.obstacle.because}", waited.obstacle.hint)
        )
