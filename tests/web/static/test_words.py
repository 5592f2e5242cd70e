"""The page has the words of the commands: its functions against those of the commands."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast, get_type_hints

import pytest

from hammerd.cli.client.status_types import DaemonStatus, PairStatus
from hammerd.cli.output import numbers
from hammerd.cli.status.daemon_notes import notes_of_daemon
from hammerd.cli.status.pair_notes import notes_of_pair, notes_of_proof
from hammerd.cli.status.slave_notes import summary_of_slaves
from hammerd.core.characters import escape_invisible
from hammerd.core.rfc3339 import rfc3339
from tests.web.static.fleet import DAY_S, Json, Story, pair_json, stories
from tests.web.static.site import Site, now
from tests.web.static.tab import Tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'&<>`${x}",
    "\u202eevil\u202c \u200bzero\u00a0width \x1b[31m",
    "\U000e0041\u3164\u2028 tab\tnewline\nend",
)


@pytest.fixture(scope="module")
def tab(browser: "Browser", running_site: Site) -> Iterator[Tab]:
    opened = Tab(browser.new_context(), running_site)
    opened.open()
    yield opened
    opened.close()


def test_numbers_and_times_read_alike(tab: Tab) -> None:
    seed = random.Random(7)
    seconds = [0, 0.9, 59.99, 60, 3599.5, 3600, 86_399, 86_400, 1e7, -3]
    seconds += [round(10 ** seed.uniform(0, 7), 3) for _ in range(60)]
    sizes = [0, 1, 1023, 1024, 1 << 20, (1 << 30) - 1, 1 << 40, 5 << 50]
    rates = [0.0, 0.4, 10_000.0, 999_999.0, 10_424_320.0, 1e9, 3.3e12]
    tids = ["0x0000000000000000", "0x0000000100580a8f"]
    times = [1_795_737_600.0, 1_795_737_600.0 - 43_000, 0.0, 1_795_824_000.0]

    shown = tab.evaluate(
        """async ([seconds, sizes, rates, tids, times]) => {
            const words = await import("/static/words.js");
            const now = new Date(times[0] * 1000);
            return [
                seconds.map(words.showPeriod), seconds.map(words.showRoughPeriod),
                sizes.map(words.showBytes), rates.map(words.showRate), tids.map(words.showTid),
                times.map((time) => words.showMoment(new Date(time * 1000), now)),
                times.map((time) => words.showMoment(new Date(time * 1000), now, true)),
            ];
        }""",
        [seconds, sizes, rates, tids, times],
    )

    at = rfc3339(times[0])
    assert shown == [
        [numbers.show_period(each) for each in seconds],
        [numbers.show_rough_period(each) for each in seconds],
        [numbers.show_bytes(each) for each in sizes],
        [numbers.show_rate(each) for each in rates],
        [numbers.show_tid(each) for each in tids],
        [numbers.show_moment(rfc3339(each), at) for each in times],
        [numbers.show_moment(rfc3339(each), at, with_seconds=True) for each in times],
    ]


def test_invisible_characters_are_escaped_alike(tab: Tab) -> None:
    every = "".join(map(chr, (*range(0x20, 0x3400), 0xFE0F, *range(0xE000, 0x10FFFE, 211))))

    shown = tab.evaluate(
        """async (text) => {
            const { visible } = await import("/static/dom.js");
            return [...text].map(visible);
        }""",
        every,
    )

    pairs = zip(every, shown, strict=True)
    unlike = [char for char, escaped in pairs if escaped != escape_invisible(char)]
    # Unicode grows: one of both may know characters that the other one does not.
    assert len(unlike) < len(every) / 50
    assert not {*"\x7f\xa0\xad\u200b\u200f\u202e\u2028\u2066\u3164\ufe0f"} & {*unlike}


def odd_pairs(at: float) -> Iterator[Json]:
    """Yield pairs with every kind of note."""
    for story in stories(at):
        yield pair_json(story, at)
    held = {"plan": "switchover", "stage": "running", "step": "upgrade", "is_interrupted": False}
    held |= {"since_time": rfc3339(at - 900)}
    anomaly = {"name": "slave_went_back", "end": "/B/pfs/x", "before": "0x2", "after": "0x1"}
    anomaly |= {"time": rfc3339(at - 2 * DAY_S)}
    differs = {"time": rfc3339(at - 700), "tid": "0x0000000100", "is_equal": False}
    differs |= {"differences": 3, "is_sample": True, "is_acknowledged": False}
    odd: tuple[Json, ...] = (
        {"hold": held},
        {"hold": held | {"stage": "promoted"}},
        {"hold": held | {"stage": "unreadable"}},
        {"hold": held | {"is_interrupted": True, "step": None}},
        {"anomalies": [anomaly] * 5},
        {"verified": differs},
        {"verified": differs | {"is_acknowledged": True, "differences": 1}},
        {"verified": None, "slave_is_read_only": True},
        {"slave_is_short_of_room": True, "slave_free_bytes": None},
        {"flush_failed_because": "no space", "origin": "/A/pfs/x", "origin_lag_s": None},
        {"origin": "/A/pfs/x", "origin_lag_s": 4000.0},
        {"wanted": "down", "state": "stopped"},
        {"wanted": "paused", "state": "stopped"},
        {"gear": "bulk", "phase": "prescan"},
        {"because": HOSTILE[0], "hint": HOSTILE[1], "last_words": [HOSTILE[2]], "failures": 1},
    )
    for changes in odd:
        yield pair_json(Story("odd", changes=changes), at)


def test_notes_of_a_pair_read_alike(tab: Tab) -> None:
    at = now()
    pairs, time = list(odd_pairs(at)), rfc3339(at)

    shown = tab.evaluate(
        """async ([pairs, time]) => {
            const { notesOf } = await import("/static/notes.js");
            return pairs.map((pair) => notesOf(pair, new Date(time)).map(([, text]) => text));
        }""",
        [pairs, time],
    )

    known = [cast("PairStatus", pair) for pair in pairs]
    assert shown == [
        [*notes_of_pair(pair, time), *notes_of_proof(pair, time), *summary_of_slaves(pair)]
        for pair in known
    ]


def daemon_value(key: str) -> object:
    """Return a value for a key of the daemon's status: everything is wrong."""
    if key.endswith("_because"):
        return f"{key}\nline 4: no path"
    if key.endswith("_time"):
        return "2026-03-03T15:00:00Z"
    return ["one", "two"] if key.endswith("_complaints") else 7


def test_notes_of_the_daemon_read_alike(tab: Tab) -> None:
    time = datetime(2026, 3, 4, 16, 0, tzinfo=UTC)
    daemon = {key: daemon_value(key) for key in get_type_hints(DaemonStatus)}

    shown = tab.evaluate(
        """async ([daemon, time]) =>
            (await import("/static/daemon_notes.js")).notesOfDaemon(daemon, new Date(time))""",
        [daemon, time.isoformat()],
    )

    told = notes_of_daemon(cast("DaemonStatus", daemon), "2026-03-04T16:00:00Z")
    lost = ["14 log lines were lost: is the disk of the log full?", ""]
    assert shown == [*(list(each) for each in told), lost]
