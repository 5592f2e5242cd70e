"""Defines the result of a verification as it is kept in state_dir/verified/PAIR.json."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from hammerd.core.errors import BadOutput
from hammerd.core.rfc3339 import parse_rfc3339, rfc3339
from hammerd.core.tid import Tid, format_tid, parse_tid
from hammerd.core.verify.differences import MOST_SHOWN, Difference, Kind
from hammerd.core.verify.request import MILLION

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of a verification of a pair.

    `time` is its end, `took_s` how long it ran. `entries` and `size` are those of the master.
    `uncompared` entries were not there as of any TID: no history of them is kept.
    """

    pair: str
    master: str
    slave: str
    tid: Tid
    time: float
    took_s: float
    entries: int
    size: int
    sample_of_million: int = MILLION
    counts: Mapping[Kind, int] = field(default_factory=dict)
    first: tuple[Difference, ...] = ()
    uncompared: int = 0

    @property
    def differences(self) -> int:
        """The number of all differences."""
        return sum(self.counts.values())

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not self.counts

    @property
    def is_sample(self) -> bool:
        """Whether the contents of some files only were read."""
        return self.sample_of_million < MILLION


@dataclass(frozen=True, slots=True)
class Shown:
    """The last result of a pair, and whether a person has acknowledged what it found."""

    verified: Verified
    is_acknowledged: bool = False

    @property
    def is_critical(self) -> bool:
        """Whether a difference was found that nobody has acknowledged."""
        return not (self.verified.is_equal or self.is_acknowledged)


def shown_json(shown: Shown) -> dict[str, object]:
    """Return a result as JSON for the status: without the differences themselves."""
    verified = shown.verified
    return {
        "time": rfc3339(verified.time),
        "tid": format_tid(verified.tid),
        "is_equal": verified.is_equal,
        "differences": verified.differences,
        "is_sample": verified.is_sample,
        "is_acknowledged": shown.is_acknowledged,
    }


def verified_json(verified: Verified) -> dict[str, object]:
    """Return a result as JSON."""
    return {
        "pair": verified.pair,
        "master": verified.master,
        "slave": verified.slave,
        "tid": format_tid(verified.tid),
        "time": rfc3339(verified.time),
        "took_s": round(verified.took_s, 3),
        "entries": verified.entries,
        "bytes": verified.size,
        "sample_of_million": verified.sample_of_million,
        "is_sample": verified.is_sample,
        "is_equal": verified.is_equal,
        "differences": verified.differences,
        "uncompared": verified.uncompared,
        "by_kind": {kind.value: count for kind, count in verified.counts.items()},
        "first": [asdict(each) for each in verified.first[:MOST_SHOWN]],
    }


def format_verified(verified: Verified) -> str:
    """Return the text of the file of a result."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **verified_json(verified)}) + "\n"


def parse_verified(text: str) -> Verified:
    """Read the text of the file of a result.

    Raises:
        BadOutput: it is none.
    """
    try:
        saved = json.loads(text)
        return Verified(
            pair=str(saved["pair"]),
            master=str(saved["master"]),
            slave=str(saved["slave"]),
            tid=parse_tid(saved["tid"]),
            time=parse_rfc3339(saved["time"]).timestamp(),
            took_s=float(saved["took_s"]),
            entries=int(saved["entries"]),
            size=int(saved["bytes"]),
            sample_of_million=int(saved["sample_of_million"]),
            counts={Kind(kind): int(count) for kind, count in saved["by_kind"].items()},
            uncompared=int(saved["uncompared"]),
            first=tuple(parse_difference(each) for each in saved["first"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadOutput(f"this is no result of a verification: {error!r}") from error


def parse_difference(saved: Mapping[str, str]) -> Difference:
    """Read a difference from its JSON.

    Raises:
        KeyError: a part of it is missing.
        ValueError: its kind is unknown.
    """
    return Difference(Kind(saved["kind"]), saved["path"], saved["master"], saved["slave"])
