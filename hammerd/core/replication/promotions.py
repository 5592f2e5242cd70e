"""Describes a slave that was promoted to a master, or whose TID a foreign writer moved.

It may hold writes of its own, and a downgrade stores a TID of its own file system: a stream onto
it would skip what its master wrote below that TID, and no lag would show it (docs/hammer.md 1.7).
So its pair is held until a person resumes it (core/pair/latches.py).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from hammerd.core.pairs import Pair
from hammerd.core.tid import Tid, format_tid


class PromotionSign(StrEnum):
    """The evidence of a promotion; the values are those of the state file."""

    ROLE_READ = "seen"
    WRITE_REFUSED = "said"
    TID_MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Promotion:
    """A promotion or a foreign move of a slave, first found at `since_at` (monotonic).

    `before` and `after` are the slave's TIDs if it moved, None if they are not known.
    """

    sign: PromotionSign
    since_at: float
    before: Tid | None = None
    after: Tid | None = None


def promotion_hint(promotion: Promotion, pair: Pair) -> str:
    """Return what happened to a slave, and what to do."""
    return (
        f"slave {pair.slave} {_event(promotion)}: it may hold writes of its own, and what its"
        " master writes may be skipped. Compare both ends. If they differ:"
        f' "hammerd reseed {pair.name}" makes a fresh slave; if not: "hammerd resume {pair.name}"'
    )


def _event(promotion: Promotion) -> str:
    match promotion.sign:
        case PromotionSign.ROLE_READ:
            return "was seen as a master"
        case PromotionSign.WRITE_REFUSED:
            return "was a master: hammer refused to write to it"
        case PromotionSign.TID_MOVED:
            return f"moved{_tids(promotion)} and no stream of ours moved it"
        case _:
            assert_never(promotion.sign)


def _tids(promotion: Promotion) -> str:
    if promotion.before is None or promotion.after is None:
        return ""
    return f" from {format_tid(promotion.before)} to {format_tid(promotion.after)}"


def promotion_note(promotion: Promotion, pair: Pair, when: str) -> str:
    """Return what happened to a slave, and when, for the person who resumes its pair."""
    return f"at {when} slave {pair.slave} {_event(promotion)}"
