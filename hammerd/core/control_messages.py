"""What is said on the control sockets: one JSON object a line, a request up, a reply down.

    {"verb": "pause", "pairs": ["home"], "for_s": 7200.0}
    {"ok": true, "data": {...}}
    {"ok": false, "error": "...", "hint": "...", "code": 64}

No pairs named means all of them. `code` is the exit status, from sysexits(3), that a command
ends with when it got that refusal. The bytes come from anybody who may open the socket: what is
not exactly a request is refused, and nothing longer than MAX_REQUEST_BYTES need ever be read.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeGuard

from hammerd.core.errors import ControlError

MAX_REQUEST_BYTES = 64 << 10
EX_USAGE = 64


class Verb(StrEnum):
    """What can be asked of a running hammerd."""

    STATUS = "status"
    PING = "ping"
    PAUSE = "pause"
    RESUME = "resume"
    RESTART = "restart"


READ_VERBS = frozenset({Verb.STATUS, Verb.PING})
"""The verbs that change nothing, and all that the status socket takes."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing asked, of the named pairs or of all; a pause without `for_s` is open-ended."""

    verb: Verb
    pairs: tuple[str, ...] = ()
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked for."""

    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why it was not done, what to do about it, and the exit status for a command."""

    error: str
    hint: str = ""
    code: int = EX_USAGE


Reply = Answer | Refusal


def parse_request(line: bytes) -> Request:
    """Read a request.

    Raises:
        ControlError: it is none; the message says what is wrong with it.
    """
    if len(line) > MAX_REQUEST_BYTES:
        raise ControlError(f"the request is longer than {MAX_REQUEST_BYTES} bytes")
    fields = _load(line, "request")
    if stray := sorted(fields.keys() - {"verb", "pairs", "for_s"}):
        raise ControlError(f"the request has fields that mean nothing: {', '.join(stray)}")
    verb = _verb(fields.get("verb"))
    return Request(verb, _names(fields.get("pairs", [])), _for_s(verb, fields.get("for_s")))


def encode_request(request: Request) -> bytes:
    """Write a request as one line."""
    fields: dict[str, object] = {"verb": request.verb, "pairs": list(request.pairs)}
    if request.for_s is not None:
        fields["for_s"] = request.for_s
    return _encode(fields)


def parse_reply(line: bytes) -> Reply:
    """Read a reply.

    Raises:
        ControlError: it is none.
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
    """Refuse the asked names that are no pairs, all in one, each with the nearest that is."""
    pairs = tuple(known)
    # Who asks for the status never needs this, and would wait for its import.
    from difflib import get_close_matches

    strangers = [name for name in asked if name not in pairs]
    if not strangers:
        return None
    near = [get_close_matches(name, pairs, n=1) for name in strangers]
    described = ", ".join(
        f'"{name}" (did you mean "{match[0]}"?)' if match else f'"{name}"'
        for name, match in zip(strangers, near, strict=True)
    )
    noun = "pair" if len(strangers) == 1 else "pairs"
    return Refusal(f"no such {noun}: {described}", f"known: {', '.join(pairs) or 'none'}")


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
        raise ControlError(f"a {verb.value} takes no time")
    if not _is_positive(value):
        raise ControlError("the request's for_s is not a number of seconds")
    return float(value)


def _is_positive(value: object) -> TypeGuard[int | float]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 < value <= 1e10 and math.isfinite(value)


def _encode(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
