"""The command `hammerd report`: what a daily mail tells of all pairs."""

import socket
import sys
from collections.abc import Mapping

import click

from hammerd.cli.options.history_options import since_option
from hammerd.cli.options.location import current_location, takes_location
from hammerd.cli.output.json_output import json_option, print_json
from hammerd.cli.output.spans import print_lines
from hammerd.cli.output.text import width_of
from hammerd.cli.output.times import json_time, now_ms
from hammerd.cli.report.facts import Facts, PastOf, collect_facts
from hammerd.cli.report.layout import alarms_of, is_well, needs_look, report_lines
from hammerd.core.exit_codes import Exit


@click.command(epilog="Example: hammerd report --quiet --since 1d")
@since_option
@click.option("--quiet", is_flag=True, help="Print nothing if all is well.")
@json_option
@takes_location
def report(*, since: int, quiet: bool, as_json: bool) -> int:
    """Tell in a few lines, for a daily mail, how all pairs fared.

    For each pair: its greatest lag, restarts of its stream, by when all is safe, free space on the
    slave, the last verification; below it complaints that nobody acknowledged. The exit status is
    0 if all is well, 1 if a person must look, and 69 if no hammerd answers.
    """
    facts = collect_facts(current_location(), since, now_ms())
    well = is_well(facts)
    if as_json:
        print_json(_json(facts, well=well))
    elif not (quiet and well):
        print_lines(list(report_lines(facts, socket.gethostname(), width_of(sys.stdout))))
    if facts.absence is not None:
        return facts.absence.code
    return Exit.OK if well else Exit.FAILURE


def _json(facts: Facts, *, well: bool) -> Mapping[str, object]:
    pairs = facts.status["pairs"] if facts.status is not None else []
    return {
        "hammerd_answers": facts.status is not None,
        "is_well": well,
        "time": json_time(facts.at_ms),
        "since_time": json_time(facts.since_ms),
        "history_unreadable_because": facts.unread_because,
        "daemon_starts": facts.daemon_starts,
        "errors": [
            {"pair": pair or None, "event": event, "count": count}
            for (pair, event), count in sorted(facts.errors.items())
        ],
        "alarms": list(alarms_of(facts)),
        "pairs": [
            {
                "pair": pair["pair"],
                "health": pair["health"],
                "needs_look": needs_look(pair),
                "restarts": past.restarts,
                "max_lag_s": past.lag.max_s,
                "max_lag_time": None if past.lag.max_ms is None else json_time(past.lag.max_ms),
                "safe_until_time": pair.get("safe_until_time"),
                "slave_free_bytes": pair.get("slave_free_bytes"),
                "verified": pair.get("verified"),
            }
            for pair in pairs
            for past in [facts.past.get(pair["pair"], PastOf())]
        ],
    }
