"""What a changed config asks for: which streams to start, stop, restart or leave alone.

Only enabled pairs are running pairs: a pair that is disabled counts as one that is not there.
"""

from dataclasses import dataclass, fields

from hammerd.core.config.model import Config, DaemonConfig
from hammerd.core.hammer.commands import stream_argv
from hammerd.core.pair.events import Event, StartAsked, StopAsked
from hammerd.core.pair.states import Down, Memory, PairLife, Paused, Up
from hammerd.core.pairs import Gear, Pair

READ_ONCE = frozenset({"state_dir", "run_dir", "hammer", "status_group"})
"""Fields of DaemonConfig that a running hammerd cannot change: paths it holds open, its argv."""


@dataclass(frozen=True, slots=True)
class Reload:
    """Names of pairs by what is to become of them, each in one tuple, in their config's order.

    `retuned` pairs keep their stream and get new thresholds and timing. `daemon_retuned` and
    `daemon_restart` are fields of DaemonConfig that changed: to be taken over at once, and to
    be taken over by the next start only.
    """

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    retuned: tuple[str, ...] = ()
    daemon_retuned: tuple[str, ...] = ()
    daemon_restart: tuple[str, ...] = ()


def diff(old: Config, new: Config) -> Reload:
    """Compare two configs, the running one and the one to be taken over."""
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
        daemon_retuned=tuple(name for name in changed if name not in READ_ONCE),
        daemon_restart=tuple(name for name in changed if name in READ_ONCE),
    )


def events_for(life: PairLife, pair: Pair, kept: Memory) -> tuple[Event, ...]:
    """Return what happens to a pair that is there when `pair` becomes its config.

    `kept` is what was kept of it while it was down. A pause outlives a reload, and so does the
    latch of divergence; a stream whose argv changes is ended and launched anew after a probe.
    """
    wanted = life.memory.wanted
    if not pair.enabled:
        return () if isinstance(wanted, Down) else (StopAsked(Down()),)
    if isinstance(wanted, Down):
        if isinstance(kept.wanted, Paused):
            return (StopAsked(kept.wanted),)
        return (StartAsked(lifts_latch=False),)
    if isinstance(wanted, Up) and _stream_differs(life.pair, pair):
        # Not RestartAsked: whatever the old ends are waited, probed or parked for is over.
        return StopAsked(Down()), StartAsked(lifts_latch=False)
    return ()


def _enabled(config: Config) -> dict[str, Pair]:
    return {pair.name: pair for pair in config.pairs if pair.enabled}


def _stream_differs(was: Pair, now: Pair) -> bool:
    return _stream(was) != _stream(now)


def _stream(pair: Pair) -> tuple[object, ...]:
    """Return the argv of a pair's mirror-stream in each gear, and which gears it may have."""
    return (pair.options.gear, *(stream_argv("hammer", pair, gear) for gear in Gear))


def _changed_fields(was: DaemonConfig, now: DaemonConfig) -> tuple[str, ...]:
    names = (each.name for each in fields(DaemonConfig))
    return tuple(name for name in names if getattr(was, name) != getattr(now, name))
