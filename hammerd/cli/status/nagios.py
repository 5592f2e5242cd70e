"""Prints a status as a plugin of Nagios, Icinga and similar monitors does.

    HAMMERD CRITICAL - mail: parked, uuid_mismatch (2 pairs: 1 critical, 1 ok) | 'home_lag'=0s;...
    home: streaming, 0s behind

The first line, which a pager shows, holds the worst finding; the others follow. Many pairs in
trouble for one cause have one line, and one for a hint that they share. In every case the plugin
prints a line and exits with 0 to 3, because a monitor accepts nothing else. Without a
hammerd the verdict is critical, because a stream that fails now stays down. If a hammerd runs but
cannot be reached it is unknown: streams are supervised, but their state is not visible.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import click

from hammerd.cli.client.status_types import PairStatus, StatusReply, read_status
from hammerd.cli.output.failures import may_be_absent
from hammerd.cli.output.numbers import show_count, show_period
from hammerd.cli.status.daemon_notes import notes_of_daemon
from hammerd.cli.status.pair_notes import is_disabled, notes_of_pair
from hammerd.cli.status.shared_notes import MANY, PairNotes, name_pairs, share_notes
from hammerd.cli.status.slave_notes import short_uuid, summary_of_slaves
from hammerd.core.characters import escape_invisible
from hammerd.core.errors import HammerdError
from hammerd.core.exit_codes import PluginExit

UNSUPERVISED = "nobody mends a stream that fails now"
LAG_UNKNOWN = "lag unknown"

_WORST_FIRST = (PluginExit.CRITICAL, PluginExit.WARNING, PluginExit.UNKNOWN, PluginExit.OK)
"""The order of core/api/status_json.py, which is not that of the numbers."""


def print_verdict(
    request_status: Callable[[], Mapping[str, object]],
    read_last_state: Callable[[], Iterable[str]] = tuple,
) -> int:
    """Request a status, print it for a monitor, and return the exit status.

    `read_last_state` returns the lines to print if no hammerd answers.
    """
    try:
        verdict, lines = _verdict_on(read_status(request_status()))
    except HammerdError as error:
        verdict, lines = _verdict_without(error)
        if verdict is PluginExit.CRITICAL:
            with contextlib.suppress(Exception):
                lines += map(_plain, read_last_state())
    # A plugin must print a line and a status whatever fails.
    except Exception as error:
        verdict, lines = PluginExit.UNKNOWN, [_plain(f"{type(error).__name__}: {error}")]
    first, *others = lines
    click.echo(f"HAMMERD {verdict.name} - {first}")
    for line in others:
        click.echo(line)
    return verdict


def _verdict_on(status: StatusReply) -> tuple[PluginExit, list[str]]:
    verdict = PluginExit[status["health"].upper()]
    findings = sorted(_findings(status), key=lambda each: _WORST_FIRST.index(each[0]))
    tally = Counter(pair["health"] for pair in status["pairs"])
    parts = (f"{tally[each.name.lower()]} {each.name.lower()}" for each in _WORST_FIRST)
    counted = show_count(len(status["pairs"]), "pair")
    tallied = ", ".join(part for part in parts if not part.startswith("0 "))
    summary = f"{counted}: {tallied}" if tallied else counted
    data = " ".join(_performance(status["pairs"]))
    lines = [_plain(text) for _, text in findings]
    first = summary if verdict is PluginExit.OK or not lines else f"{lines.pop(0)} ({summary})"
    return verdict, [f"{first} | {data}" if data else first, *lines]


def _findings(status: StatusReply) -> Iterator[tuple[PluginExit, str]]:
    """Yield a line for each trouble of hammerd and for each pair, with its verdict."""
    measured_time = status.get("measured_time")
    for trouble, _hint in notes_of_daemon(status["hammerd"], measured_time):
        yield PluginExit.WARNING, f"hammerd: {trouble}"
    for pairs in _by_cause(status["pairs"]):
        texts = (
            _texts_of_many(pairs)
            if len(pairs) >= MANY
            else (_text(pair, measured_time) for pair in pairs)
        )
        for text in texts:
            yield PluginExit[pairs[0]["health"].upper()], text


def _by_cause(pairs: Iterable[PairStatus]) -> Iterable[list[PairStatus]]:
    """Return groups of pairs in trouble for the same cause; any other pair stands alone."""
    groups: dict[tuple[str | None, ...], list[PairStatus]] = {}
    for pair in pairs:
        key: tuple[str | None, ...] = (pair["pair"],)
        if pair["health"] != "ok" and pair["because"]:
            key = (pair["health"], pair["state"], pair.get("waiting_for"), pair["because"])
        groups.setdefault(key, []).append(pair)
    return groups.values()


def _texts_of_many(pairs: Sequence[PairStatus]) -> Iterator[str]:
    names, first = name_pairs([pair["pair"] for pair in pairs]), pairs[0]
    waiting = f"for {first['waiting_for']}: " if first.get("waiting_for") else ""
    lags = [pair["lag_s"] for pair in pairs if pair["lag_s"] is not None]
    behind = f"up to {show_period(max(lags))} behind" if lags else LAG_UNKNOWN
    yield f"{names}: {_state(first)}, {waiting}{first['because']}, {behind}"
    rows = [
        PairNotes(
            pair["pair"],
            pair["master"],
            pair["slave"],
            pair["health"],
            pair["because"],
            (f"hint: {pair['hint']}",) if pair["hint"] else (),
        )
        for pair in pairs
    ]
    for each in share_notes(rows)[0]:
        yield f"{name_pairs(each.pairs)}: {', '.join(each.notes)}"


def _state(pair: PairStatus) -> str:
    if (hold := pair.get("hold")) and pair["state"] == "stopped":
        return f"held by {hold['plan']}"
    is_paused = pair["wanted"] == "paused" and pair["state"] == "stopped"
    return "disabled" if is_disabled(pair) else "paused" if is_paused else pair["state"]


def _text(pair: PairStatus, measured_time: str | None) -> str:
    state = _state(pair)
    if pair["health"] == "ok":
        behind = "" if pair["lag_s"] is None else f"{show_period(pair['lag_s'])} behind"
        parts = (f"{pair['pair']}: {state}", behind, *summary_of_slaves(pair))
        return ", ".join(filter(None, parts))
    behind = LAG_UNKNOWN if pair["lag_s"] is None else f"{show_period(pair['lag_s'])} behind"
    because = next(notes_of_pair(pair, measured_time), "")
    if because.startswith(LAG_UNKNOWN):
        behind = ""
    return ", ".join(filter(None, (f"{pair['pair']}: {state}", because, behind)))


def _performance(pairs: Iterable[PairStatus]) -> Iterator[str]:
    """Yield `'label'=value;warning;critical;minimum` for each pair that is not disabled."""
    for pair in pairs:
        if is_disabled(pair):
            continue
        limits = (pair.get("lag_warning_s"), pair.get("lag_critical_s"))
        limited = ";".join("" if limit is None else f"{limit:g}" for limit in limits)
        yield f"'{pair['pair']}_lag'={_value(pair['lag_s'], 's')};{limited};0"
        yield f"'{pair['pair']}_lag_tids'={_value(pair.get('lag_tids'))};;;0"
        for slave in pair.get("slaves", []):
            # By its uuid: a disk may come back at another path.
            yield f"'{pair['pair']}_lag_{short_uuid(slave)}'={_value(slave['lag_s'], 's')};;;0"


def _value(number: float | None, unit: str = "") -> str:
    # A slave ahead of its master has no lag that a graph could show.
    return "U" if number is None or number < 0 else f"{number}{unit}"


def _verdict_without(error: HammerdError) -> tuple[PluginExit, list[str]]:
    is_absent = may_be_absent(error)
    message = f"{error.message}: {UNSUPERVISED}" if is_absent else error.message
    lines = [message, f"hint: {error.hint}"] if error.hint else [message]
    verdict = PluginExit.CRITICAL if is_absent else PluginExit.UNKNOWN
    return verdict, [_plain(line) for line in lines]


def _plain(text: str) -> str:
    """Return a text as one line without `|`, which would begin performance data."""
    return escape_invisible(" ".join(text.replace("|", "/").split()))
