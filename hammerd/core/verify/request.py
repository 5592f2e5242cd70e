"""Defines what an end is asked for, as one line of JSON on its standard input."""

import json
from dataclasses import asdict, dataclass

from hammerd.core.errors import BadOutput

MILLION = 1_000_000
MOST_JOBS = 64
ALGORITHMS = ("sha256", "blake2b")
"""The digests that an end computes. Which is faster depends on the processor."""


@dataclass(frozen=True, slots=True)
class EndRequest:
    """The way in which a tree is read.

    `after` is the last directory that is not read again, None for all. The contents of about
    `sample_of_million` files of a million are read; `seed` chooses them. With `only` nothing but
    these paths is read; they are sorted as entries are.
    """

    algorithm: str = ALGORITHMS[0]
    jobs: int = 2
    after: str | None = None
    sample_of_million: int = MILLION
    seed: str = ""
    only: tuple[str, ...] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the contents of all files are read."""
        return self.sample_of_million >= MILLION


def encode_request(request: EndRequest) -> bytes:
    """Return the line that asks for a tree."""
    return json.dumps(asdict(request)).encode() + b"\n"


def parse_request(line: bytes) -> EndRequest:
    """Read the line that asks for a tree; an empty one asks for all of it.

    Raises:
        BadOutput: it asks for nothing that this hammerd knows.
    """
    if not line.strip():
        return EndRequest()
    try:
        fields = json.loads(line)
        only = fields.pop("only", None)
        request = EndRequest(**fields, only=None if only is None else tuple(only))
    except (ValueError, TypeError, AttributeError) as error:
        raise BadOutput(f"this asks for no tree: {error}", _HINT) from error
    if not _is_valid(request):
        raise BadOutput(f"this asks for no tree: {line[:80]!r}", _HINT)
    return request


_HINT = "are both ends of the same version of hammerd?"


def _is_valid(request: EndRequest) -> bool:
    texts: tuple[object, ...] = (request.after, request.seed, *(request.only or ()))
    values: tuple[object, ...] = (request.jobs, request.sample_of_million)
    return (
        all(isinstance(each, int) for each in values)
        and request.algorithm in ALGORITHMS
        and 1 <= request.jobs <= MOST_JOBS
        and all(isinstance(each, str | None) for each in texts)
    )
