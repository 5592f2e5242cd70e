"""Lines of output as spans: text and its tone; cli/output/terminal.py turns tones into colours."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line; `tone` is a health, `head`, or empty for plain text."""

    text: str
    tone: str = ""


Line = tuple[Span, ...]


def plain_text(line: Line) -> str:
    """Return a line without its tones."""
    return "".join(span.text for span in line).rstrip()
