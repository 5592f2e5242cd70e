"""Judges a status as a plugin of Nagios, Icinga and their kind does.

    HAMMERD CRITICAL - mail: parked, uuid_mismatch (2 pairs: 1 critical, 1 ok) | 'home_lag'=0s;...
    home: streaming, 0s behind

The worst stands in the first line, which a pager shows; the others follow. Whatever happens, a
line comes out and a status from 0 to 3: a monitor knows nothing else. That no hammerd answers is
critical and not unknown: a stream that fails now is mended by nobody. One that lives and cannot be
asked is unknown: it mends, and nobody sees how its pairs fare.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import click

from hammerd.cli.client.status_types import PairStatus, StatusReply, read_status
from hammerd.cli.output.failures import CommandFailed, DaemonUnreachable
from hammerd.cli.output.numbers import count, show_period
from hammerd.cli.status.daemon_notes import notes_of_daemon
from hammerd.cli.status.pair_notes import is_disabled, notes_of_pair
from hammerd.core.characters import escape_invisible
from hammerd.core.errors import HammerdError
from hammerd.core.exit_codes import Exit, PluginExit

UNSUPERVISED = "nobody mends a stream that fails now"
LAG_UNKNOWN = "lag unknown"

_WORST_FIRST = (PluginExit.CRITICAL, PluginExit.WARNING, PluginExit.UNKNOWN, PluginExit.OK)
"""The order of core/api/status_json.py; the numbers have another one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of hammerd or of one pair."""

    verdict: PluginExit
    text: str


def print_verdict(
    look: Callable[[], Mapping[str, object]],
    look_without: Callable[[], Iterable[str]] = tuple,
) -> int:
    """Look at a daemon's status, print what a monitor reads, return its exit status.

    `look_without` says what is known when no hammerd answers.
    """
    try:
        verdict, lines = _judged(read_status(look()))
    except HammerdError as error:
        verdict, lines = _unseen(error)
        if verdict is PluginExit.CRITICAL:
            with contextlib.suppress(Exception):
                lines += map(_plain, look_without())
    # The plugin's side of the bargain: a line and a status for whatever it is that broke.
    except Exception as error:
        verdict, lines = PluginExit.UNKNOWN, [_plain(f"{type(error).__name__}: {error}")]
    first, *others = lines
    click.echo(f"HAMMERD {verdict.name} - {first}")
    for line in others:
        click.echo(line)
    return verdict


def _judged(status: StatusReply) -> tuple[PluginExit, list[str]]:
    verdict = _verdict(status["health"])
    findings = sorted(_findings(status), key=lambda each: _WORST_FIRST.index(each.verdict))
    tally = Counter(pair["health"] for pair in status["pairs"])
    parts = (f"{tally[each.name.lower()]} {each.name.lower()}" for each in _WORST_FIRST)
    counted = count(len(status["pairs"]), "pair")
    told = ", ".join(part for part in parts if not part.startswith("0 "))
    summary = f"{counted}: {told}" if told else counted
    data = " ".join(_performance(status["pairs"]))
    lines = [_plain(each.text) for each in findings]
    first = summary if verdict is PluginExit.OK or not lines else f"{lines.pop(0)} ({summary})"
    return verdict, [f"{first} | {data}" if data else first, *lines]


def _findings(status: StatusReply) -> Iterator[Finding]:
    measured_time = status.get("measured_time")
    for trouble, _hint in notes_of_daemon(status["hammerd"], measured_time):
        yield Finding(PluginExit.WARNING, f"hammerd: {trouble}")
    for pair in status["pairs"]:
        yield Finding(_verdict(pair["health"]), _text(pair, measured_time))


def _text(pair: PairStatus, measured_time: str | None) -> str:
    is_paused = pair["wanted"] == "paused" and pair["state"] == "stopped"
    state = "disabled" if is_disabled(pair) else "paused" if is_paused else pair["state"]
    if pair["health"] == "ok":
        behind = "" if pair["lag_s"] is None else f", {show_period(pair['lag_s'])} behind"
        return f"{pair['pair']}: {state}{behind}"
    behind = LAG_UNKNOWN if pair["lag_s"] is None else f"{show_period(pair['lag_s'])} behind"
    because = next(notes_of_pair(pair, measured_time), "")
    if because.startswith(LAG_UNKNOWN):
        behind = ""
    return ", ".join(filter(None, (f"{pair['pair']}: {state}", because, behind)))


def _performance(pairs: Iterable[PairStatus]) -> Iterator[str]:
    """Yield `'label'=value;warning;critical;least` for each pair that is to run."""
    for pair in pairs:
        if is_disabled(pair):
            continue
        limits = (pair.get("lag_warning_s"), pair.get("lag_critical_s"))
        limited = ";".join("" if limit is None else f"{limit:g}" for limit in limits)
        yield f"'{pair['pair']}_lag'={_value(pair['lag_s'], 's')};{limited};0"
        yield f"'{pair['pair']}_lag_tids'={_value(pair.get('lag_tids'))};;;0"


def _value(number: float | None, unit: str = "") -> str:
    # A slave that is ahead of its master is behind by no number that a graph could show.
    return "U" if number is None or number < 0 else f"{number}{unit}"


def _verdict(health: str) -> PluginExit:
    return PluginExit[health.upper()]


def _unseen(error: HammerdError) -> tuple[PluginExit, list[str]]:
    is_absent = (
        isinstance(error, CommandFailed)
        and not isinstance(error, DaemonUnreachable)
        and error.code == Exit.UNAVAILABLE
    )
    said = f"{error.message}: {UNSUPERVISED}" if is_absent else error.message
    lines = [said, f"hint: {error.hint}"] if error.hint else [said]
    verdict = PluginExit.CRITICAL if is_absent else PluginExit.UNKNOWN
    return verdict, [_plain(line) for line in lines]


def _plain(text: str) -> str:
    """Return a text on one line, without the `|` that would begin performance data."""
    return escape_invisible(" ".join(text.replace("|", "/").split()))
