"""When was something read: between two moments. Which of two readings was the earlier one?

A command that reads many ends takes its time; a quick one that begins later may read earlier. Two
readings that overlap in time prove nothing about each other, but for those of one command, whose
operands are read in their order.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadSpan:
    """A reading that began at `began_at` and was over at `ended_at` (both monotonic).

    `call` is the number of the command that made it, None for what a stream said.
    """

    began_at: float
    ended_at: float
    call: int | None = None

    def is_before(self, other: "ReadSpan") -> bool:
        """Tell whether this was certainly read before the other."""
        if self.call is not None and self.call == other.call:
            return self.began_at < other.began_at
        return self.ended_at <= other.began_at


def heard(at: float) -> ReadSpan:
    """Return the span of what a stream told: true when it was heard, and since when unknown."""
    return ReadSpan(at, at)
