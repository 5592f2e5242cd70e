"""Lays out the doctor's lines, as text and as JSON."""

from collections.abc import Iterable, Iterator

from hammerd.cli.doctor.lines.findings import Block, Line, Outcome

_WORDS = {Outcome.OK: "ok", Outcome.BAD: "BAD", Outcome.NOT_TRIED: "not tried"}


def is_well(blocks: Iterable[Block]) -> bool:
    """Return whether no line is bad."""
    return all(line.finding.outcome is not Outcome.BAD for each in blocks for line in each.lines)


def as_text(blocks: Iterable[Block]) -> Iterator[str]:
    """Yield the lines for people, the hint of a bad one below it."""
    for block in blocks:
        yield block.title
        width = max((len(line.label) for line in block.lines), default=0)
        for line in block.lines:
            finding = line.finding
            word = _WORDS[finding.outcome]
            yield f"  {word:<9}  {line.label:<{width}}  {finding.what}".rstrip()
            if finding.hint:
                yield f"      hint: {finding.hint}"


def as_json(blocks: Iterable[Block]) -> list[dict[str, str | None]]:
    """Return one object for each line, in the order of the way."""
    return [_line_json(block, line) for block in blocks for line in block.lines]


def _line_json(block: Block, line: Line) -> dict[str, str | None]:
    return {
        "pair": block.pair or None,
        "host": block.host or None,
        "end": line.end or None,
        "check": line.check,
        "outcome": line.finding.outcome.value,
        "what": line.finding.what,
        "hint": line.finding.hint or None,
    }
