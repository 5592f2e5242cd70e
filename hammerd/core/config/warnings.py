"""Warns of values in a config that are allowed but most likely a mistake (`hammerd check`).

    circle     pairs that mirror each other's slaves: no endpoint is the source, none becomes idle
    too short  lags below HAMMER's resolution, a stall_timeout below a stream's own delay
    too long   a stop_timeout beyond the time that a shutdown grants
    too rare   samples so rare that a slave in sync becomes critical between two of them
    detour     both endpoints are remote: every byte comes here and leaves again
    blank      a blank in a path
    too often  a flush_every that keeps the disk busy
    scheme     a host called `file` or `ssh`, from a URL with one slash
    odd        a dash or a quote in a path that a web page substituted for a plain one

Each value is valid by itself, and no two contradict each other: a contradiction is a fault.
"""

from collections.abc import Iterable, Iterator, Mapping

from hammerd.core.characters import character_hint, describe_character, odd_characters
from hammerd.core.config.checks import endpoint_of
from hammerd.core.config.endpoints import FORMS_HINT, SCHEMES
from hammerd.core.config.tables import Given
from hammerd.core.config.values import show_duration
from hammerd.core.errors import Fault
from hammerd.core.pairs import Endpoint, Pair

SHORTEST_LAG_S = 120.0
"""HAMMER publishes a write with the flush after the one that wrote it (docs/hammer.md 2.2)."""

STALL_MARGIN_S = 60.0

SHORTEST_FLUSH_S = 1.0

LONGEST_STOP_S = 22.0
"""The 30 s of a shutdown (rcshutdown_timeout) minus 6 s for saving hammerd's state, and minus 2 s
until rc.subr notices that hammerd has ended (docs/hammer.md 9.1)."""

_PATHS = ("master", "slave", "log_file", "lag_log_file", "state_dir", "run_dir", "hammer")

PairReadings = Mapping[str, Mapping[str, Given]]
"""The values of each pair by its name."""


def advice_on(pairs: Iterable[Pair]) -> tuple[str, ...]:
    """Return advice for a config without mistakes; it never counts as a warning."""
    unset = [pair for pair in pairs if pair.enabled and pair.timing.flush_every_s is None]
    from_here = [pair.name for pair in unset if pair.master.host.shares_paths]
    # The file system of an endpoint on another host is not flushed.
    to_here = [
        pair.name
        for pair in unset
        if not pair.master.host.shares_paths and pair.slave.host.shares_paths
    ]
    return (
        *_flush_advice(
            from_here,
            "makes a crash lose little more than 10s, not up to a minute, and costs nothing while"
            " nothing is written",
        ),
        *_flush_advice(
            to_here,
            "bounds what a power cut of this host takes back of what was copied; what a crash of"
            " the other host loses it does not bound",
        ),
    )


def _flush_advice(names: Iterable[str], what_it_does: str) -> tuple[str, ...]:
    listed = ", ".join(f'"{name}"' for name in names)
    if not listed:
        return ()
    return (f'flush_every is not set for {listed}: flush_every = "10s" {what_it_does}',)


def warnings_of(pairs: PairReadings) -> tuple[Fault, ...]:
    """Find values that are most likely a mistake; one in [defaults] gives one warning."""
    found: list[Fault] = [*_circles(pairs)]
    for given in pairs.values():
        found += (*_short_lags(given), *_short_stall(given), *_long_stop(given))
        found += _rare_samples(given)
        found += (*_detour(given), *_blanks(given), *_frequent_flushes(given))
        found += (*_schemes(given), *_odd_characters(given))
    return tuple(dict.fromkeys(found))


def _circles(pairs: PairReadings) -> Iterator[Fault]:
    """Find circles: follow each pair's master to the pair that writes to it, and so on."""
    writers = {
        slave.key: name
        for name, given in pairs.items()
        if given["enabled"].value is not False
        and (slave := endpoint_of(given, "slave")) is not None
    }
    reported: set[str] = set()
    for name in writers.values():
        circle = _upstream(name, pairs, writers)
        if circle and reported.isdisjoint(circle):
            reported.update(circle)
            yield _circle_fault(circle, pairs)


def _upstream(
    name: str, pairs: PairReadings, writers: Mapping[tuple[str, str], str]
) -> tuple[str, ...]:
    """Return the pairs from this one up to itself again; () if they lead to a source."""
    passed = [name]
    while (master := endpoint_of(pairs[passed[-1]], "master")) is not None:
        writer = writers.get(master.key)
        if writer == name:
            return tuple(passed)
        if writer is None or writer in passed:
            return ()
        passed.append(writer)
    return ()


def _circle_fault(circle: tuple[str, ...], pairs: PairReadings) -> Fault:
    last = max(circle, key=list(pairs).index)
    others = ", ".join(f'"{name}"' for name in pairs if name in circle and name != last)
    slave = pairs[last]["slave"]
    what = f"closes a circle with {others}: every end is a slave, and none is the source"
    hint = "such streams copy nothing and never rest: disable one of the pairs"
    return Fault(slave.where, what, slave.shown, hint)


def _short_lags(given: Mapping[str, Given]) -> Iterator[Fault]:
    for lag in (given["lag_warning"], given["lag_critical"]):
        if lag.where and _seconds(lag) < SHORTEST_LAG_S:
            least = show_duration(SHORTEST_LAG_S)
            hint = "HAMMER shows a write after up to two flushes, 30 to 60 s apiece"
            yield Fault(lag.where, f"gives false alarms below {least}", lag.shown, hint)


def _rare_samples(given: Mapping[str, Given]) -> Iterator[Fault]:
    interval, critical = given["sample_interval"], given["lag_critical"]
    if interval.where and _seconds(interval) >= _seconds(critical):
        what = (
            f"makes a slave in sync critical between two samples: lag_critical is {critical.shown}"
        )
        hint = "make sample_interval a tenth of lag_critical or shorter"
        yield Fault(interval.where, what, interval.shown, hint)


def _short_stall(given: Mapping[str, Given]) -> Iterator[Fault]:
    stall = given["stall_timeout"]
    key = max(("delay", "following_delay"), key=lambda name: _seconds(given[name]))
    delay = given[key]
    least_s = _seconds(delay) + STALL_MARGIN_S
    if _seconds(stall) < least_s:
        to_change = stall if stall.where else delay
        what = f"lets a healthy stream be restarted: {key} is {delay.shown}"
        if to_change is delay:
            what = f"lets a healthy stream be restarted: stall_timeout is {stall.shown}"
        hint = f"make stall_timeout {show_duration(least_s)} or longer"
        yield Fault(to_change.where, what, to_change.shown, hint)


def _frequent_flushes(given: Mapping[str, Given]) -> Iterator[Fault]:
    every = given["flush_every"]
    if every.where and _seconds(every) < SHORTEST_FLUSH_S:
        least = show_duration(SHORTEST_FLUSH_S)
        hint = "a flush publishes for up to a second: make it 5s or longer"
        yield Fault(every.where, f"keeps the disk busy below {least}", every.shown, hint)


def _long_stop(given: Mapping[str, Given]) -> Iterator[Fault]:
    stop = given["stop_timeout"]
    if _seconds(stop) > LONGEST_STOP_S:
        what = "is longer than a shutdown waits for its services (rcshutdown_timeout, 30s)"
        hint = f"make it {show_duration(LONGEST_STOP_S)} or shorter, or raise that in rc.conf"
        yield Fault(stop.where, what, stop.shown, hint)


def _detour(given: Mapping[str, Given]) -> Iterator[Fault]:
    master, slave = endpoint_of(given, "master"), endpoint_of(given, "slave")
    if master is not None and slave is not None and _is_far(master) and _is_far(slave):
        hint = "run hammerd on the host of the master or of the slave"
        what = "is remote as the master is: all data comes here and goes out again"
        yield Fault(given["slave"].where, what, given["slave"].shown, hint)


def _is_far(endpoint: Endpoint) -> bool:
    return not endpoint.host.shares_paths


def _blanks(given: Mapping[str, Given]) -> Iterator[Fault]:
    for name in ("master", "slave"):
        endpoint = endpoint_of(given, name)
        if endpoint is not None and " " in endpoint.path:
            hint = "write the path without it, unless the PFS has such a name"
            yield Fault(given[name].where, "holds a blank", given[name].shown, hint)


def _schemes(given: Mapping[str, Given]) -> Iterator[Fault]:
    for name in ("master", "slave"):
        endpoint = endpoint_of(given, name)
        if endpoint and endpoint.host.key in SCHEMES:
            what = f'is the path {endpoint.path} of a host called "{endpoint.host.name}"'
            yield Fault(given[name].where, what, given[name].shown, FORMS_HINT)


def _odd_characters(given: Mapping[str, Given]) -> Iterator[Fault]:
    for name in _PATHS:
        if (path := given.get(name)) is None or not isinstance(path.value, str | Endpoint):
            continue
        for char in odd_characters(str(path.value)):
            hint = f"{character_hint(char)}, unless the path has it"
            yield Fault(path.where, f"holds {describe_character(char)}", path.shown, hint)


def _seconds(duration: Given) -> float:
    return duration.value if isinstance(duration.value, int | float) else 0.0
