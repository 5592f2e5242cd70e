"""What holds a pair until it is resumed, as state.json keeps it.

A latch that cannot be read holds: to stream onto a slave that was a master is worse than to ask.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hammerd.core.pair.states import Memory
from hammerd.core.replication.promotions import Promotion, PromotionSign
from hammerd.core.tid import Tid, format_tid, parse_tid
from hammerd.daemon.state.saved_values import is_time, quoted

ToOtherTime = Callable[[float], float]
"""Turns a monotonic instant into wall time, or back."""


@dataclass(frozen=True, slots=True)
class SavedPromotion:
    """That a slave was a master; the time is wall time, TIDs are hex."""

    sign: str
    since_time: float
    before: str | None = None
    after: str | None = None


UNREADABLE = SavedPromotion(PromotionSign.ROLE_READ.value, 0.0)


def saved_promotion(memory: Memory, wall_time: ToOtherTime) -> SavedPromotion | None:
    """Return what is known of a promotion as the file keeps it."""
    known = memory.promotion
    if known is None:
        return None
    before, after = _text(known.before), _text(known.after)
    at = wall_time(known.since_at)
    return SavedPromotion(known.sign.value, at, before, after)


def promotion_of(saved: SavedPromotion | None, monotonic_at: ToOtherTime) -> Promotion | None:
    """Return what an earlier run knew of a promotion."""
    if saved is None:
        return None
    before, after = _tid(saved.before), _tid(saved.after)
    at = monotonic_at(saved.since_time)
    return Promotion(PromotionSign(saved.sign), at, before, after)


# --- reading the file ------------------------------------------------------------------------


def parse_promotion(value: object) -> tuple[SavedPromotion | None, str]:
    """Return what can be read of a promotion, and what is wrong with it, "" when nothing is."""
    if value is None:
        return None, ""
    if not isinstance(value, dict) or not _is_whole(value):
        return UNREADABLE, f"promotion {quoted(value)} makes no sense"
    at = float(value["since_time"])
    return SavedPromotion(value["sign"], at, value.get("before"), value.get("after")), ""


def parse_ends(value: object) -> tuple[str, str] | None:
    """Return the ends on which latches were seen, None where they are not told."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value):
        return value[0], value[1]
    return None


def _is_whole(value: dict[str, object]) -> bool:
    tids = (value.get("before"), value.get("after"))
    return (
        value.get("sign") in list(PromotionSign)
        and is_time(value.get("since_time"))
        and all(tid is None or _is_tid(tid) for tid in tids)
    )


def _is_tid(value: object) -> bool:
    try:
        return isinstance(value, str) and parse_tid(value) is not None
    except ValueError:
        return False


def _text(tid: Tid | None) -> str | None:
    return None if tid is None else format_tid(tid)


def _tid(text: str | None) -> Tid | None:
    return None if text is None else parse_tid(text)
