"""Writes status.json, the last status, for `hammerd status` when no daemon answers.

The file holds the object that the sockets answer `status` with, and two additions: the moment of
the save (`saved`), and for each pair the pause, the latch and the times of the last readings
(`saved` of the pair). The daemon never reads it. Each pair is encoded on its own, so that the
writer thread holds up the loop for one pair at most.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from hammerd.core.api.pair_report import PairReport
from hammerd.core.api.status_json import Json, Snapshot, ToTime, pairs_json, status_json
from hammerd.core.replication.saved_moments import SavedMoment
from hammerd.core.rfc3339 import rfc3339
from hammerd.daemon.state import atomic_file
from hammerd.daemon.state.pair_state_file import NOTHING_SAVED, Pairs, SavedPair


@dataclass(frozen=True, slots=True)
class SavedStatus:
    """A snapshot, the saved part of each pair, and the moment when both were taken.

    `to_wall_s` is added to a monotonic time of the snapshot to get its wall time.
    """

    snapshot: Snapshot
    pairs: Pairs
    moment: SavedMoment
    to_wall_s: float


def save(path: Path, status: SavedStatus, group: int | None) -> None:
    """Replace the file; `group` may read it, as it may ask for the status.

    Raises:
        OSError: it failed; the file has the old text.
    """
    atomic_file.replace(path, pieces(status), group)


def pieces(status: SavedStatus) -> Iterator[str]:
    """Yield the text of the file, one pair at a time."""
    to_time, snapshot = partial(_rfc3339_at, status.to_wall_s), status.snapshot
    head = status_json(snapshot, (), to_time)
    del head["pairs"]
    yield f'{json.dumps({**head, "saved": asdict(status.moment)})[:-1]}, "pairs": ['
    comma = ""
    for report, pair in zip(snapshot.reports, pairs_json(snapshot, to_time), strict=True):
        saved = status.pairs.get(report.life.pair.name, NOTHING_SAVED)
        yield f"{comma}\n{json.dumps({**pair, 'saved': _saved_json(saved, report, to_time)})}"
        comma = ","
    yield "\n]}\n"


def _saved_json(saved: SavedPair, report: PairReport, to_time: ToTime) -> Json:
    until_time, seen_at = saved.paused_until_time, (report.master_seen_at, report.slave_seen_at)
    master_time, slave_time = (None if at is None else to_time(at) for at in seen_at)
    return {
        "is_paused": saved.is_paused,
        "paused_until_time": None if until_time is None else rfc3339(until_time),
        "is_diverged": saved.is_diverged,
        "master_seen_time": master_time,
        "slave_seen_time": slave_time,
    }


def _rfc3339_at(to_wall_s: float, at: float) -> str:
    return rfc3339(at + to_wall_s)
