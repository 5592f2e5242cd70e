"""A synthetic fleet: the status of pairs with stories, and a history that goes with it.

Everything follows from the time that is given, so that screenshots of one day look like those of
the next.
"""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hammerd.core.api.history_schema import EventRow, LagRow
from hammerd.core.rfc3339 import rfc3339
from hammerd.daemon.history.database import HistoryFile, Rows

Json = dict[str, object]

GIB = 1 << 30
HOUR_S, DAY_S = 3_600, 86_400
MOST_ROWS = 20_000


@dataclass(frozen=True)
class Story:
    """A pair: where its ends are, and what of its status is unlike that of a healthy pair."""

    name: str
    far: str = ""
    changes: Json = field(default_factory=dict)
    free: float = 0.5
    size_bytes: int = 2000 * GIB
    usual_s: float = 4.0
    behind_since_s: float | None = None


def pair_json(story: Story, now: float) -> Json:
    """Return the status of a pair."""
    seed = random.Random(story.name)
    lag_s = story.behind_since_s or round(story.usual_s * seed.random(), 3)
    tid = seed.randrange(0x100000000, 0x180000000)
    up_s = seed.randrange(HOUR_S, 40 * DAY_S)
    far = f"{story.far}:" if story.far else ""
    healthy: Json = {
        "pair": story.name,
        "master": f"/Backup1/pfs/{story.name}",
        "slave": f"{far}/Backup2/pfs/{story.name}",
        "wanted": "up",
        "paused_until_time": None,
        "state": "streaming",
        "waiting_for": None,
        "phase": "idle",
        "gear": "following",
        "because": None,
        "hint": None,
        "since_time": rfc3339(now - up_s),
        "up_s": up_s,
        "retry_in_s": None,
        "hold": None,
        "failures": 0,
        "restarts": seed.randrange(4),
        "pid": seed.randrange(900, 30_000),
        "half_pids": [seed.randrange(900, 30_000), seed.randrange(900, 30_000)],
        "lag_s": lag_s,
        "lag_tids": 0,
        "lag_verdict": "in_sync",
        "lag_unknown_because": None,
        "lag_approximate": False,
        "lag_measured_time": rfc3339(now - lag_s),
        "lag_warning_s": 300.0,
        "lag_critical_s": 1800.0,
        "safe_until_time": rfc3339(now - lag_s - 4),
        "durable_until_time": rfc3339(now - lag_s - 34),
        "safe_unknown_because": None,
        "master_tid": f"0x{tid:016x}",
        "slave_tid": f"0x{tid:016x}",
        "connecting_to": None,
        "slave_locked": True if story.far else None,
        "slice_bytes": None,
        "bulk_bytes": None,
        "rate_bytes_per_s": round(seed.random() ** 4 * 9e6, 1),
        "bulk_done_bytes": None,
        "bulk_total_bytes": None,
        "bulk_eta_s": None,
        "health": "ok",
        "origin": None,
        "origin_lag_s": None,
        "slave_free_bytes": int(story.free * story.size_bytes),
        "slave_total_bytes": story.size_bytes,
        "slave_is_short_of_room": False,
        "slave_is_read_only": False,
        "flush_every_s": 30.0,
        "master_flushed_time": rfc3339(now - 12),
        "slave_flushed_time": rfc3339(now - 17),
        "flush_failed_because": None,
        "host_unread_because": None,
        "verified": {
            "time": rfc3339(now - 2.3 * DAY_S),
            "tid": f"0x{tid - 0x58000:016x}",
            "is_equal": True,
            "differences": 0,
            "is_sample": seed.random() < 0.3,
            "is_acknowledged": False,
        },
        "anomalies": [],
        "slaves": [],
        "complaints": [],
        "complaints_total": {},
        "last_words": [],
        "telling_word": None,
    }
    return healthy | story.changes


def stories(now: float) -> list[Story]:
    """Return the pairs of a realistic fleet: most are well, some are in trouble."""
    unreachable = Story(
        "mail",
        "bk2.example.net",
        {
            "state": "waiting",
            "waiting_for": "backoff",
            "since_time": rfc3339(now - 312),
            "gear": None,
            "phase": None,
            "because": "connection_refused",
            "hint": "is sshd running on bk2.example.net, and does its firewall let this host in?",
            "retry_in_s": 214.0,
            "failures": 11,
            "restarts": 14,
            "up_s": None,
            "pid": None,
            "half_pids": [],
            "lag_s": 2851.2,
            "lag_verdict": "behind",
            "lag_tids": 918_243,
            "health": "critical",
            "rate_bytes_per_s": None,
            "safe_until_time": rfc3339(now - 2855),
            "durable_until_time": rfc3339(now - 2885),
            "last_words": [
                "ssh: connect to host bk2.example.net port 22: Connection refused",
                "Source process terminated",
            ],
            "telling_word": "ssh: connect to host bk2.example.net port 22: Connection refused",
        },
        free=0.31,
        behind_since_s=2851.2,
    )
    parked = Story(
        "vm-images",
        changes={
            "state": "parked",
            "gear": None,
            "phase": None,
            "because": "uuid_mismatch",
            "hint": "the slave was made for another master: hammerd reseed vm-images",
            "up_s": None,
            "pid": None,
            "half_pids": [],
            "lag_s": None,
            "lag_tids": None,
            "lag_verdict": "unknown",
            "lag_unknown_because": "the slave is not of this master",
            "health": "critical",
            "safe_until_time": None,
            "durable_until_time": None,
            "safe_unknown_because": "the slave is not of this master",
            "rate_bytes_per_s": None,
            "verified": None,
            "last_words": [
                "mirror-write: shared-uuid mismatch, target is not a slave of this master"
            ],
            "telling_word": None,
        },
        free=0.62,
    )
    full = Story(
        "photos",
        changes={
            "health": "warning",
            "slave_is_short_of_room": True,
            "lag_s": 9.4,
            "lag_verdict": "behind",
            "lag_tids": 312,
        },
        free=0.042,
        size_bytes=8000 * GIB,
    )
    complained = Story(
        "db-main",
        "bk1.example.net",
        {
            "health": "warning",
            "complaints": [
                {
                    "name": "crc_error",
                    "count": 3,
                    "text": "CRC error on data @ 0x00000012a4f08000",
                    "hint": "look at the master's disk: smartctl, dmesg",
                    "since_time": rfc3339(now - 9 * HOUR_S),
                    "last_time": rfc3339(now - 2 * HOUR_S),
                }
            ],
        },
        free=0.44,
    )
    bulk = Story(
        "archive-2019",
        "bk1.example.net",
        {
            "gear": "bulk",
            "phase": "copying",
            "health": "warning",
            "lag_s": 1264.0,
            "lag_verdict": "behind",
            "lag_tids": 5_120_331,
            "rate_bytes_per_s": 61_300_000.0,
            "bulk_done_bytes": 184 * GIB,
            "bulk_total_bytes": 310 * GIB,
            "bulk_eta_s": 2_190.0,
            "up_s": 3_300.0,
        },
        free=0.71,
        size_bytes=4000 * GIB,
        behind_since_s=1264.0,
    )
    paused = Story(
        "scratch",
        changes={
            "state": "stopped",
            "wanted": "paused",
            "paused_until_time": rfc3339(now + 3_540),
            "gear": None,
            "phase": None,
            "up_s": None,
            "pid": None,
            "half_pids": [],
            "lag_s": 1_130.0,
            "lag_verdict": "behind",
            "rate_bytes_per_s": None,
        },
        free=0.83,
    )
    disabled = Story(
        "old-ports",
        changes={
            "state": "stopped",
            "wanted": "down",
            "because": "disabled",
            "hint": "enabled = false stands in the config",
            "gear": None,
            "phase": None,
            "up_s": None,
            "pid": None,
            "half_pids": [],
            "lag_s": None,
            "lag_tids": None,
            "lag_verdict": "unknown",
            "safe_until_time": None,
            "durable_until_time": None,
            "rate_bytes_per_s": None,
            "verified": None,
        },
        free=0.9,
    )
    rotating = Story("homes-offsite", changes={"slaves": _slaves(now)}, free=0.55)
    blind = Story(
        "jails",
        "bk3.example.net",
        {
            "health": "unknown",
            "lag_s": None,
            "lag_tids": None,
            "lag_verdict": "unknown",
            "lag_unknown_because": "no reading of the slave since the start",
            "host_unread_because": "bk3.example.net: the login did not end within 20 s",
            "slave_free_bytes": None,
            "slave_total_bytes": None,
            "restarts": 2,
        },
    )
    plain = [
        Story("home", free=0.58),
        Story("www", "bk1.example.net", free=0.47),
        Story("git", "bk1.example.net", free=0.47),
        Story("builds", free=0.26, usual_s=40),
        Story("packages", free=0.35, usual_s=15),
        Story("wiki", "bk1.example.net", free=0.47),
        Story("var-log", free=0.58, usual_s=9),
        Story("etc", free=0.58, usual_s=2),
        Story("calendar", "bk1.example.net", free=0.47, usual_s=3),
    ]
    troubled = [unreachable, parked, full, complained, bulk, paused, disabled, rotating, blind]
    order = [0, 9, 1, 10, 8, 2, 11, 12, 3, 13, 4, 14, 5, 15, 6, 16, 7, 17]
    every = [*troubled, *plain]
    return [every[index] for index in order]


def _slaves(now: float) -> list[Json]:
    common: Json = {"is_forked": False, "slave_tid": "0x0000000158a2f010"}
    return [
        common
        | {
            "slave": "/Disk1/pfs/homes",
            "unique_uuid": "4c1f0a2e-e99a-11f1-b924-01301bb8a9f5",
            "is_present": True,
            "has_turn": True,
            "since_time": rfc3339(now - 3 * DAY_S),
            "seen_time": rfc3339(now - 4),
            "lag_s": 2.1,
            "safe_until_time": rfc3339(now - 6),
            "durable_until_time": rfc3339(now - 36),
        },
        common
        | {
            "slave": "/Disk2/pfs/homes",
            "unique_uuid": "9b07d3c5-e99a-11f1-b924-01301bb8a9f5",
            "is_present": False,
            "has_turn": False,
            "since_time": rfc3339(now - 3 * DAY_S),
            "seen_time": rfc3339(now - 3 * DAY_S),
            "lag_s": 3.0 * DAY_S,
            "safe_until_time": rfc3339(now - 3 * DAY_S - 4),
            "durable_until_time": rfc3339(now - 3 * DAY_S - 34),
        },
    ]


def many(count: int) -> list[Story]:
    """Return so many plain pairs."""
    return [Story(f"pair-{number:03d}", usual_s=9) for number in range(count)]


def status_json(pairs: list[Json], now: float, history: Path, **daemon: object) -> Json:
    """Return the status of a daemon with pairs."""
    order = ["ok", "unknown", "warning", "critical"]
    return {
        "schema_version": 1,
        "hammerd": {
            "version": "0.1.0",
            "pid": 4711,
            "started_time": rfc3339(now - 41 * DAY_S),
            "config": "/usr/local/etc/hammerd.toml",
            "state": "running",
            "health": "ok",
            "history_path": str(history),
            **daemon,
        },
        "measured_time": rfc3339(now),
        "health": max((str(pair["health"]) for pair in pairs), key=order.index, default="ok"),
        "pairs": pairs,
    }


# --- the history ---------------------------------------------------------------------------------


def write_history(path: Path, told: list[Story], now: float, days: float, step_s: float) -> None:
    """Write samples of some days, and events that go with them; older ones are fewer."""
    file = HistoryFile(path, None)
    rows = sorted(
        (row for story in told for row in _samples(story, now, days, step_s)),
        key=lambda row: row.time_ms,
    )
    events = sorted(
        (event for story in told for event in _events(story, now, days)),
        key=lambda event: event.time_ms,
    )
    file.write(Rows(events=events))
    for begin in range(0, len(rows), MOST_ROWS):
        file.write(Rows(samples=rows[begin : begin + MOST_ROWS]))


def lag_at(story: Story, time_s: float, now: float) -> float | None:
    """Return the lag of a pair at a moment; None is unknown."""
    age_s = now - time_s
    if story.behind_since_s is not None and age_s <= story.behind_since_s:
        return story.behind_since_s - age_s
    seed = random.Random(f"{story.name}{int(time_s)}")
    # Of an old span the history has the worst sample only.
    noise = seed.random() if age_s < 2 * DAY_S else max(seed.random() for _ in range(9))
    hour = time_s % DAY_S / HOUR_S
    busy = 1 + 3 * max(0.0, math.sin(math.pi * (hour - 7) / 13)) ** 2
    lag = story.usual_s * noise * busy
    cleanup_s = 190 * random.Random(f"{story.name} cleanup").random() ** 3
    if 3 <= hour < 3.6:
        lag += cleanup_s * math.sin(math.pi * (hour - 3) / 0.6) * (0.4 + noise)
    day = int(time_s // DAY_S)
    spike = random.Random(f"{story.name}{day}")
    if spike.random() < 0.25:
        begin, length = spike.uniform(6, 20), spike.uniform(0.2, 1.5)
        if begin <= hour < begin + length:
            lag += (hour - begin) * HOUR_S * spike.uniform(0.05, 0.5)
    if story.name in ("jails", "vm-images") and age_s < 5 * HOUR_S:
        return None
    return lag


def _samples(story: Story, now: float, days: float, step_s: float) -> Iterator[LagRow]:
    if story.changes.get("because") == "disabled":
        return
    age_s, oldest_s = 0.0, days * DAY_S
    while age_s < oldest_s:
        step = step_s if age_s < 2 * DAY_S else max(step_s, 900.0 if age_s < 30 * DAY_S else 3_600)
        seconds = lag_at(story, now - age_s, now)
        # A night without power, some days ago: no daemon, no samples.
        if not 9.2 * DAY_S < age_s < 9.6 * DAY_S:
            verdict = "unknown" if seconds is None else "in_sync" if seconds < 6 else "behind"
            tids = None if seconds is None else 0 if seconds < 6 else int(seconds) * 3
            time_ms = int((now - age_s) * 1_000)
            yield LagRow(time_ms, story.name, verdict, tids, seconds, None, None)
        age_s += step


def _events(story: Story, now: float, days: float) -> Iterator[EventRow]:
    seed = random.Random(story.name)

    def event(age_s: float, name: str, level: str, **fields: object) -> EventRow:
        return EventRow(int((now - age_s) * 1_000), story.name, name, level, json.dumps(fields))

    oldest_s = days * DAY_S
    starts = sorted((seed.random() * oldest_s for _ in range(max(2, int(days / 5)))), reverse=True)
    for age_s in starts:
        yield event(age_s, "pair.stopping", "warning", from_state="streaming", because="half_died")
        yield event(age_s - 0.6, "pair.launching", "info", from_state="stopping", gear="following")
        yield event(age_s - 0.8, "pair.streaming", "info", gear="following")
    if days > 2:
        yield event(1.3 * DAY_S, "pair.streaming", "info", gear="bulk")
        yield event(1.3 * DAY_S - 2_700, "pair.streaming", "info", gear="following")
        yield event(0.45 * DAY_S, "pair.stopped", "info", because="pause", for_s=1_800)
        yield event(0.45 * DAY_S - 1_800, "pair.streaming", "info", gear="following")
    if story.changes.get("because") == "connection_refused":
        yield event(
            2_851, "pair.stopping", "warning", from_state="streaming", because="link_silent"
        )
        yield event(
            2_850,
            "pair.waiting",
            "warning",
            because="connection_refused",
            retry_in_s=1.0,
            hint=story.changes["hint"],
        )
