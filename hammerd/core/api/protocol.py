"""Defines the messages on the control sockets: a line of JSON for each request and each reply.

    {"verb": "pause", "pairs": ["home"], "for_s": 7200.0}
    {"ok": true, "data": {...}}
    {"ok": false, "error": "...", "hint": "...", "code": 64}

A request without pairs is for all pairs. A word of `pairs` may be a pattern
(core/api/pair_patterns.py): the daemon chooses, because a client may know only the pairs of before
a reload. `code` is the exit status, from sysexits(3), of a command that got the refusal. The bytes
may come from anybody who may open the socket: all but an exact request is refused, and a reader
stops at MAX_REQUEST_BYTES.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeGuard

from hammerd.core.api.pair_patterns import choose, is_pattern
from hammerd.core.errors import ControlError
from hammerd.core.exit_codes import Exit
from hammerd.core.nearest import suggestion

MAX_REQUEST_BYTES = 64 << 10

MOST_SUGGESTED, MOST_LISTED = 3, 20
"""The number of unknown names with a suggestion, and of those that are listed at all: a request
may hold thousands, and each comparison costs a millisecond."""

LONGEST_NAMED = 63


class Verb(StrEnum):
    """The requests that a running hammerd takes."""

    STATUS = "status"
    PING = "ping"
    PAUSE = "pause"
    RESUME = "resume"
    RESTART = "restart"
    ACK = "ack"
    RELOAD = "reload"
    HOLD = "hold"
    RELEASE = "release"
    VERIFIED = "verified"
    NOTIFY = "notify"


READ_VERBS = frozenset({Verb.STATUS, Verb.PING})
"""The verbs that change nothing; the status socket takes no others."""

PLAN_VERBS = frozenset({Verb.HOLD, Verb.RELEASE})
"""The verbs of the commands that carry out plans; each names one pair, which may be unknown."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request for the pairs that these words choose, or all.

    A pause without `for_s` has no end. `kind`: what a test of notifications pretends to be.
    """

    verb: Verb
    pairs: tuple[str, ...] = ()
    for_s: float | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to a request that was carried out."""

    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reply to a request that was refused: the reason, a hint, an exit status."""

    error: str
    hint: str = ""
    code: int = Exit.USAGE


Reply = Answer | Refusal

STOPPING = Refusal("hammerd is stopping", "start it again first", Exit.UNAVAILABLE)


def parse_request(line: bytes) -> Request:
    """Read a request.

    Raises:
        ControlError: the line is no request; its message names the fault.
    """
    if len(line) > MAX_REQUEST_BYTES:
        raise ControlError(f"the request is longer than {MAX_REQUEST_BYTES} bytes")
    fields = _load(line, "request")
    if stray := sorted(fields.keys() - {"verb", "pairs", "for_s", "kind"}):
        named = _listed(map(_quoted, stray))
        raise ControlError(f"the request has fields that mean nothing: {named}")
    verb = _verb(fields.get("verb"))
    return Request(
        verb,
        _names(fields.get("pairs", [])),
        _for_s(verb, fields.get("for_s")),
        _kind(verb, fields.get("kind")),
    )


def encode_request(request: Request) -> bytes:
    """Write a request as one line."""
    fields: dict[str, object] = {"verb": request.verb, "pairs": list(request.pairs)}
    if request.for_s is not None:
        fields["for_s"] = request.for_s
    if request.kind is not None:
        fields["kind"] = request.kind
    return _encode(fields)


def parse_reply(line: bytes) -> Reply:
    """Read a reply.

    Raises:
        ControlError: the line is no reply.
    """
    match _load(line, "reply"):
        case {"ok": True, "data": dict(data)}:
            return Answer(data)
        case {"ok": False, "error": str(error), "hint": str(hint), "code": int(code)}:
            return Refusal(error, hint, code)
        case _:
            raise ControlError("the reply is neither an answer nor a refusal")


def encode_reply(reply: Reply) -> bytes:
    """Write a reply as one line."""
    if isinstance(reply, Answer):
        return _encode({"ok": True, "data": reply.data})
    refusal = {"error": reply.error, "hint": reply.hint, "code": reply.code}
    return _encode({"ok": False, **refusal})


def refuse_unknown(asked: Iterable[str], known: Iterable[str]) -> Refusal | None:
    """Refuse the words that choose none of the known names, all at once; None if all do."""
    names = tuple(known)
    return refuse_unchosen(choose(tuple(asked), names).unknown, names)


def refuse_unchosen(unknown: Sequence[str], known: Iterable[str]) -> Refusal | None:
    """Refuse words that choose no pair, the first of them with the nearest known name."""
    if not unknown:
        return None
    pairs = dict.fromkeys(known)
    near = {word: suggestion(_cut(word), pairs) for word in unknown[:MOST_SUGGESTED]}
    shown = {word: f"{_quoted(word)}{near.get(word, '')}" for word in unknown}
    names = [text for word, text in shown.items() if not is_pattern(word)]
    patterns = [text for word, text in shown.items() if is_pattern(word)]
    noun = "pair" if len(names) == 1 else "pairs"
    parts = (
        f"no such {noun}: {_listed(names)}" if names else "",
        f"no pair matches {_listed(patterns)}" if patterns else "",
    )
    return Refusal("; ".join(filter(None, parts)), f"known: {_listed(pairs) or 'none'}")


def _quoted(name: str) -> str:
    shown = f'"{_cut(name)}"'
    return shown if name.isprintable() else json.dumps(_cut(name))


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAMED else f"{name[:LONGEST_NAMED]}..."


def _listed(names: Iterable[str]) -> str:
    names = tuple(names)
    more = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _load(line: bytes, kind: str) -> dict[str, object]:
    try:
        message: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ControlError(f"the {kind} is not JSON: {error}") from error
    if not isinstance(message, dict):
        raise ControlError(f"the {kind} is not a JSON object")
    return message


def _verb(value: object) -> Verb:
    words = [verb.value for verb in Verb]
    if not isinstance(value, str) or value not in words:
        raise ControlError(
            f"the request's verb is unknown: {json.dumps(value)[:60]}",
            f"known: {', '.join(words)}",
        )
    return Verb(value)


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ControlError("the request's pairs are not a list of names")
    return tuple(dict.fromkeys(value))


def _for_s(verb: Verb, value: object) -> float | None:
    if value is None:
        return None
    if verb is not Verb.PAUSE:
        raise ControlError(f"the verb {verb.value} takes no time")
    if not _is_positive(value):
        raise ControlError("the request's for_s is not a number of seconds")
    return float(value)


def _kind(verb: Verb, value: object) -> str | None:
    if value is None:
        return None
    if verb is not Verb.NOTIFY or not isinstance(value, str):
        raise ControlError(f"the verb {verb.value} takes no such kind")
    return value


def _is_positive(value: object) -> TypeGuard[int | float]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 < value <= 1e10 and math.isfinite(value)


def _encode(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"
