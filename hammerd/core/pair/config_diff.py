"""Compares two configs: which streams to start, stop, restart or leave alone.

Only enabled pairs run: a disabled pair counts as a missing one.
"""

from dataclasses import dataclass, fields

from hammerd.core.config.model import Config, DaemonConfig
from hammerd.core.hammer.commands import stream_argv, stream_environment
from hammerd.core.pair.events import Event, StartAsked, StopAsked
from hammerd.core.pair.states import Down, DownCause, Memory, PairLife, Paused, Up
from hammerd.core.pairs import Gear, Pair

READ_ONCE = frozenset({"state_dir", "run_dir", "hammer", "status_group"})
"""Fields of DaemonConfig that a running hammerd cannot change: paths that it holds open, argv."""


@dataclass(frozen=True, slots=True)
class Reload:
    """The names of all pairs, each in one tuple, in the order of their config.

    `retuned` pairs keep their stream and get new thresholds and timing. `daemon_retuned` and
    `daemon_restart` are changed fields of DaemonConfig: the first apply at once, as does all of
    [notify], the others at the next start.
    """

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    retuned: tuple[str, ...] = ()
    daemon_retuned: tuple[str, ...] = ()
    daemon_restart: tuple[str, ...] = ()


def diff(old: Config, new: Config) -> Reload:
    """Compare the running config with a new one."""
    before, after = _enabled(old), _enabled(new)
    both = [(before[name], after[name]) for name in after if name in before]
    changed = _changed_fields(old.daemon, new.daemon)
    return Reload(
        start=tuple(name for name in after if name not in before),
        stop=tuple(name for name in before if name not in after),
        restart=tuple(now.name for was, now in both if _stream_differs(was, now)),
        keep=tuple(now.name for was, now in both if was == now),
        retuned=tuple(
            now.name for was, now in both if was != now and not _stream_differs(was, now)
        ),
        daemon_retuned=(
            *(name for name in changed if name not in READ_ONCE),
            *(("notify",) if old.notify != new.notify else ()),
        ),
        daemon_restart=tuple(name for name in changed if name in READ_ONCE),
    )


def events_for(life: PairLife, pair: Pair, saved: Memory) -> tuple[Event, ...]:
    """Return the events of a known pair when `pair` becomes its config.

    `saved` is its memory from before it was down. A pause outlives a reload, and so does a latch;
    a stream whose argv changes is ended, and launched again after a probe.
    """
    wanted = life.memory.wanted
    if not pair.enabled:
        return () if isinstance(wanted, Down) else (StopAsked(Down(DownCause.DISABLED)),)
    if isinstance(wanted, Down):
        if isinstance(saved.wanted, Paused):
            return (StopAsked(saved.wanted),)
        return (StartAsked(lifts_latch=False),)
    if isinstance(wanted, Up) and _stream_differs(life.pair, pair):
        # Not RestartAsked: a wait, probe or park of the old endpoints is over too.
        return StopAsked(Down(DownCause.RELOAD)), StartAsked(lifts_latch=False)
    return ()


def _enabled(config: Config) -> dict[str, Pair]:
    return {pair.name: pair for pair in config.pairs if pair.enabled}


def _stream_differs(was: Pair, now: Pair) -> bool:
    return _stream(was) != _stream(now)


def _stream(pair: Pair) -> tuple[object, ...]:
    """Return all that decides how a pair's stream runs: its gears, and its argv in each."""
    runs = [
        (stream_argv("hammer", pair, gear), stream_environment("/", "rsh", pair, gear))
        for gear in Gear
    ]
    return (pair.options.gear, *runs)


def _changed_fields(was: DaemonConfig, now: DaemonConfig) -> tuple[str, ...]:
    names = (each.name for each in fields(DaemonConfig))
    return tuple(name for name in names if getattr(was, name) != getattr(now, name))
