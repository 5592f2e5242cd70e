"""Converts latches of pairs to and from their form in state.json.

A latch that cannot be read counts as set: streaming onto a slave that was a master is worse than
asking a person.
"""

from dataclasses import dataclass

from hammerd.core.pair.states import Memory
from hammerd.core.replication.promotions import Promotion, PromotionSign
from hammerd.core.tid import Tid, format_tid, parse_tid
from hammerd.daemon.state.saved_values import ConvertTime, is_time, quoted


@dataclass(frozen=True, slots=True)
class SavedPromotion:
    """A promotion of a slave to a master; `since_time` is wall time, TIDs are hex."""

    sign: str
    since_time: float
    before: str | None = None
    after: str | None = None


UNREADABLE = SavedPromotion(PromotionSign.ROLE_READ.value, 0.0)


def saved_promotion(memory: Memory, wall_time: ConvertTime) -> SavedPromotion | None:
    """Return the promotion of a pair's slave as it is saved, None for none."""
    known = memory.promotion
    if known is None:
        return None
    before, after = _text(known.before), _text(known.after)
    at = wall_time(known.since_at)
    return SavedPromotion(known.sign.value, at, before, after)


def promotion_of(saved: SavedPromotion | None, monotonic_at: ConvertTime) -> Promotion | None:
    """Return the promotion that an earlier run saved, None for none."""
    if saved is None:
        return None
    before, after = _tid(saved.before), _tid(saved.after)
    at = monotonic_at(saved.since_time)
    return Promotion(PromotionSign(saved.sign), at, before, after)


# --- reading the file ------------------------------------------------------------------------


def parse_promotion(value: object) -> tuple[SavedPromotion | None, str]:
    """Return a promotion as far as it can be read, and the error in it, "" for none."""
    if value is None:
        return None, ""
    if not isinstance(value, dict) or not _is_whole(value):
        return UNREADABLE, f"promotion {quoted(value)} makes no sense"
    at = float(value["since_time"])
    return SavedPromotion(value["sign"], at, value.get("before"), value.get("after")), ""


def parse_endpoints(value: object) -> tuple[str, str] | None:
    """Return the endpoints that latches were set for, None if they are not saved."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(x, str) for x in value):
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
