r"""Parses the stderr of a mirror-stream, which three processes write, into messages.

The input is bytes, cut anywhere. hammer's two halves and their parent share the stderr, and each
writes its messages in pieces. So a message may begin in the middle of a line, and another message
may be inside it (docs/hammer.md 5.1, 5.2). Only the form of the pieces is fixed:

    \rscan obj=<16x> tids=<16x>:<16x> <n>   progress: complete with its last digit
    ` W` at a segment's start               idle: complete at once, because nothing follows it
    \bD  \b<blank>  dots                    end of a delay, end of a wait, prescan in progress
    everything else                         complete at the end of its segment: LF, CR or BS

Tokens of fixed form are cut out of a segment; what remains, joined again, is a complaint or a
remark. A line that begins with the name of one of hammerd's own programs is not searched for
tokens (core/hammer/marks.py). This module never raises and never keeps more than one segment.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from hammerd.core.hammer import messages
from hammerd.core.hammer.diagnostics import diagnose
from hammerd.core.hammer.marks import MARKS, read_mark
from hammerd.core.tid import Tid, parse_tid

LONGEST_SEGMENT = 4096
"""The bytes of a segment after which it is parsed although its end is missing."""

_CONTROL = re.compile(rb"[\n\r\b]")

# The number is printed with %11jd. If it starts with a blank it has 11 characters and is complete;
# else it has 11 or more, and the next character ends it.
_NARROW = b"|".join(b" " * (11 - digits) + rb"\d{%d}" % digits for digits in range(1, 11))
_PROGRESS = (
    rb"\rscan obj=[0-9a-f]{16} tids=([0-9a-f]{16}):([0-9a-f]{16}) "
    rb"(" + _NARROW + rb"|\d{11,19}(?=\D))"
)
_REDRAWS = re.compile(rb"(?:" + _PROGRESS + rb")+")
_ANY_PROGRESS = b"\rscan obj=%b tids=%b:%b %b" % (b"0" * 16, b"0" * 16, b"0" * 16, b"0" * 11)
_LONGEST_PROGRESS = len(_ANY_PROGRESS) + 8

_TOKENS = re.compile(
    r"""
    (?P<batch>Mirror-read:[ ]Mirror[ ](?P<begin>[0-9a-f]{16})[ ]to[ ](?P<end>[0-9a-f]{16}))
    | [ ]\(bulk=[ ]\d{1,20}\)
    | [ ]\(bulk[ ]incremental\)
    | (?P<no_work>Mirror-read:[ ]No[ ]work[ ]to[ ]do)
    | (?P<committed>Mirror-write:[ ]Completed,[ ]updated[ ]snapshot[ ]to[ ](?P<tid>[0-9a-f]{16}))
    | (?P<slice_written>Mirror-write[ ][^ ].*:[ ]succeeded$)
    | (?P<prescan>Prescan[ ]to[ ]break[ ]up[ ]bulk[ ]transfer([ ]\(\d+MB[ ]chunks\))?)
    | (?P<prescan_done>Prescan[ ](?P<chunks>\d{1,20})[ ]chunks,[ ]total[ ](?P<mib>\d{1,20})
        [ ]MBytes[ ]\((?P<slices>\d{1,20}(,[ ]\d{1,20}){0,2})?(?P<more>,[ ]\.\.\.)?\)?)
    | (?P<lost_link>^Lost[ ]Link$)
    | (?P<running>^Running[ ][ ]$)
    """,
    re.VERBOSE | re.ASCII,
)
_BULK = re.compile(r" \(bulk= (\d{1,20})\)", re.ASCII)

# A shell's "exec: hammer: not found" is one message; "...short readhammer: ..." is two.
_GLUED = re.compile(r"(?<=[^\s/])(?=hammer: )")


def _batch(token: re.Match[str]) -> messages.Message:
    bulk = _BULK.search(token.string)
    return messages.Batch(
        parse_tid(token["begin"]), parse_tid(token["end"]), int(bulk[1]) if bulk else None
    )


def _prescan_done(token: re.Match[str]) -> messages.Message:
    if token["more"] or not token["slices"]:
        total_bytes = int(token["mib"]) << 20
    else:
        total_bytes = sum(int(size) for size in token["slices"].split(", "))
    return messages.PrescanDone(int(token["chunks"]), total_bytes)


_MESSAGE_MAKERS: Mapping[str, Callable[[re.Match[str]], messages.Message]] = {
    "batch": _batch,
    "no_work": lambda _: messages.NoWork(),
    "committed": lambda token: messages.Committed(parse_tid(token["tid"])),
    "slice_written": lambda _: messages.SliceWritten(),
    "prescan": lambda _: messages.Prescan(),
    "prescan_done": _prescan_done,
    "lost_link": lambda _: messages.LostLink(),
}


class OutputParser:
    """A parser that takes a stream's stderr in chunks and returns messages.

    The messages and their order do not depend on how the bytes are cut, with one exception: of
    adjacent progress redraws within one `feed` only the last is returned. A prescan's total is
    exact up to three slices, else rounded down to MiB, as hammer prints it.
    """

    def __init__(self) -> None:
        self._undecided = b""  # a CR and the start of what may become a progress message
        self._segment = b""
        self._is_at_start = True
        self._follows_backspace = False
        self._begins_line = True
        self._has_source_worked = False

    def feed(self, data: bytes) -> list[messages.Message]:
        """Return the messages that `data` completes, in order."""
        data = self._undecided + data
        self._undecided = b""
        parsed: list[messages.Message] = []
        at = 0
        while control := _CONTROL.search(data, at):
            stop = control.start()
            parsed += self._add_text(data[at:stop])
            if redraws := _REDRAWS.match(data, stop):
                parsed.append(self._progress(redraws))
                at = redraws.end()
            elif _may_become_progress(data[stop : stop + _LONGEST_PROGRESS + 1]):
                self._undecided = data[stop:]
                return parsed
            else:
                parsed += self._end_segment(control[0])
                at = control.end()
        parsed += self._add_text(data[at:])
        return parsed

    def finish(self) -> list[messages.Message]:
        """Return the messages that were incomplete when the stream ended."""
        return self.feed(b"\n")

    def _add_text(self, text: bytes) -> Iterator[messages.Message]:
        self._segment += text
        if self._is_at_start and len(self._segment) > 1:
            self._is_at_start = False
            # Before the source half worked this may be an ssh banner's " Welcome".
            if self._has_source_worked and self._segment.startswith(b" W"):
                self._segment = self._segment[2:]
                self._begins_line = False
                yield messages.WentIdle()
        while len(self._segment) >= LONGEST_SEGMENT:
            yield from self._read(self._segment[:LONGEST_SEGMENT])
            self._segment = self._segment[LONGEST_SEGMENT:]
            self._begins_line = False

    def _progress(self, redraws: re.Match[bytes]) -> messages.Progress:
        self._has_source_worked = True
        begin, end, slice_bytes = redraws.groups()
        return messages.Progress(Tid(int(begin, 16)), Tid(int(end, 16)), int(slice_bytes))

    def _end_segment(self, control: bytes) -> Iterator[messages.Message]:
        if self._segment:
            yield from self._read(self._segment)
        self._segment = b""
        self._is_at_start = True
        self._follows_backspace = control == b"\b"
        self._begins_line = control == b"\n"

    def _read(self, segment: bytes) -> Iterator[messages.Message]:
        if self._follows_backspace:
            segment = segment.removeprefix(b"D")
            self._follows_backspace = False
        text = _readable(segment)
        if self._begins_line and text.startswith(MARKS):
            yield read_mark(text.rstrip()) or diagnose(text) or messages.Remark(text)
            return
        for token in _TOKENS.finditer(text):
            if token.lastgroup in ("batch", "running", "lost_link"):
                self._has_source_worked = token.lastgroup != "lost_link"
            if read := _MESSAGE_MAKERS.get(token.lastgroup or ""):
                yield read(token)
        for part in _GLUED.split(_TOKENS.sub("", text)):
            if part.strip(" ."):
                yield diagnose(part.strip()) or messages.Remark(part.strip())


def complaints_in(stderr: bytes) -> list[messages.Complaint]:
    """Return all complaints in what a finished command printed."""
    parser = OutputParser()
    parsed = [*parser.feed(stderr), *parser.finish()]
    return [message for message in parsed if isinstance(message, messages.Complaint)]


def find_cause(stderr: bytes) -> messages.Complaint | None:
    """Return the complaint that explains why a finished command failed, None without any.

    The first cause is returned; a note or an echo only if there is no cause.
    """
    complaints = complaints_in(stderr)
    causes = [
        each for each in complaints if each.cure not in (messages.Cure.NOTE, messages.Cure.ECHO)
    ]
    return next(iter(causes + complaints), None)


def _may_become_progress(tail: bytes) -> bool:
    """Return whether more bytes can complete this tail to a progress message."""
    if len(tail) > _LONGEST_PROGRESS:
        return False
    return _REDRAWS.match(tail + _ANY_PROGRESS[len(tail) :] + b"\r") is not None


def _readable(data: bytes) -> str:
    """Decode, with each character that is not printable as a visible escape."""
    text = data.decode("utf-8", "backslashreplace").replace("\t", " ")
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
