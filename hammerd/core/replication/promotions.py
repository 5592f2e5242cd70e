"""A slave that was a master, or moved though no stream of ours moved it: what was seen of it.

It may hold writes of its own, and a downgrade stores a TID of its own file system: a stream onto
it would skip what its master wrote below that, and no lag would tell (docs/hammer.md 1.7). So its
pair is held until a person resumes it (core/pair/latches.py).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from hammerd.core.pairs import Pair
from hammerd.core.tid import Tid, format_tid


class PromotionSign(StrEnum):
    """What told that a slave was a master."""

    ROLE_READ = "seen"
    WRITE_REFUSED = "said"
    TID_MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Promotion:
    """That a slave was a master, or moved without us, first noticed at `since_at`.

    `before` and `after` are the slave's TIDs where it moved, None where they are not known.
    """

    sign: PromotionSign
    since_at: float
    before: Tid | None = None
    after: Tid | None = None


def promotion_hint(promotion: Promotion, pair: Pair) -> str:
    """Say what was noticed of a slave, and what to do."""
    return (
        f"slave {pair.slave} {_noticed(promotion)}: it may hold writes of its own, and what its"
        " master writes may be skipped. Compare both ends; make the slave anew where they differ;"
        f' then "hammerd resume {pair.name}"'
    )


def _noticed(promotion: Promotion) -> str:
    match promotion.sign:
        case PromotionSign.ROLE_READ:
            return "was seen as a master"
        case PromotionSign.WRITE_REFUSED:
            return "was a master: hammer refused to write to it"
        case PromotionSign.TID_MOVED:
            return f"moved{_span(promotion)} and no stream of ours moved it"
        case _:
            assert_never(promotion.sign)


def _span(promotion: Promotion) -> str:
    if promotion.before is None or promotion.after is None:
        return ""
    return f" from {format_tid(promotion.before)} to {format_tid(promotion.after)}"


def promotion_note(promotion: Promotion, pair: Pair, when: str) -> str:
    """Say what a person who resumes the pair should know."""
    return f"at {when} slave {pair.slave} {_noticed(promotion)}"
