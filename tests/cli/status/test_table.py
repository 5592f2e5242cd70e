"""The status table and its notes."""

from collections.abc import Callable

import pytest

from hammerd.cli.client.status_types import StatusReply
from hammerd.cli.output.numbers import show_bytes, show_period, show_rate, show_tid
from hammerd.cli.output.spans import plain_text
from hammerd.cli.status.table import render_status

MakePair = Callable[..., dict[str, object]]
MakeStatus = Callable[..., StatusReply]

EVERY_KIND = """\
hammerd 0.1.0 (pid 4711) is running: 7 pairs, 1 critical, 2 warning, 1 unknown,
  1 ok, 1 paused, 1 disabled

   PAIR      STATE      GEAR           LAG  SLAVE-TID      RATE     UP  RESTARTS
   home      streaming  following       0s  0x100580a8f    0B/s  3d04h         1
!! mail      parked     -          unknown  0x1               -      -         0
      uuid_mismatch, looked at again in 42s
      hint: the slave /Backup2/pfs/mail was made for another master: make it
        anew with "hammer pfs-slave /Backup2/pfs/mail
        shared-uuid=9043570e-b3d9-11de-9bef-011617202aa6"
      last words: hammer: mirror-write: source and target have different
        shared-uuid's!
!  web       waiting    -           ~4m10s  0x100580a8f       -      -        17
      for backoff: link_lost, looked at again in 12s, after 3 failures
!  a-very-long-name.of-a-pair-that.does-not-fit-in-its-column
             streaming  bulk         2d07h  0x100580a8f  1.2M/s    59s         1
      in bulk: copying [##..............] 14 %, 1.2 GB of 8.0 GB, 1h30m to go
?  new       streaming  bulk       unknown  -                 -     5s         0
      in bulk: prescan
   off       stopped    -               0s  0x100580a8f       -      -         1
      paused for another 2h00m (until 18:00 UTC)
   old       disabled   -                -  -                 -      -         1"""

SLAVE_HINT = (
    "the slave /Backup2/pfs/mail was made for another master: make it anew with "
    '"hammer pfs-slave /Backup2/pfs/mail shared-uuid=9043570e-b3d9-11de-9bef-011617202aa6"'
)
MISMATCH = "hammer: mirror-write: source and target have different shared-uuid's!"


def text_of(status: StatusReply) -> str:
    return "\n".join(plain_text(line) for line in render_status(status))


@pytest.fixture
def every_kind(make_status: MakeStatus, make_pair: MakePair) -> StatusReply:
    at_rest = {"gear": None, "up_s": None, "phase": None, "rate_bytes_per_s": None}
    unseen = {"lag_s": None, "lag_verdict": "unknown"}
    bulk = {"gear": "bulk", "health": "warning"}
    return make_status(
        make_pair("home"),
        make_pair(
            "mail",
            **at_rest,
            **unseen,
            state="parked",
            slave_tid="0x0000000000000001",
            restarts=0,
            because="uuid_mismatch",
            hint=SLAVE_HINT,
            retry_in_s=42.0,
            health="critical",
            last_words=["Lost Link", MISMATCH],
        ),
        make_pair(
            "web",
            **at_rest,
            state="waiting",
            waiting_for="backoff",
            because="link_lost",
            retry_in_s=12.2,
            failures=3,
            restarts=17,
            lag_s=250,
            lag_approximate=True,
            health="warning",
        ),
        make_pair(
            "a-very-long-name.of-a-pair-that.does-not-fit-in-its-column",
            **bulk,
            phase="copying",
            rate_bytes_per_s=1.2 * (1 << 20),
            bulk_done_bytes=1288490188,
            bulk_total_bytes=8 << 30,
            bulk_eta_s=5400.0,
            lag_s=200000.0,
            up_s=59.9,
        ),
        make_pair(
            "new",
            **bulk | unseen | {"health": "unknown"},
            phase="prescan",
            rate_bytes_per_s=None,
            slave_tid=None,
            up_s=5.0,
            restarts=0,
        ),
        make_pair(
            "off",
            **at_rest,
            wanted="paused",
            paused_until_time="2026-03-04T18:00:00Z",
            state="stopped",
        ),
        make_pair(
            "old",
            **at_rest | unseen,
            wanted="down",
            state="stopped",
            because="disabled",
            hint="enabled = false stands in the config",
            slave_tid=None,
        ),
    )


def test_every_kind_of_pair_has_its_row_and_its_note(every_kind: StatusReply):
    assert text_of(every_kind) == EVERY_KIND


def test_rows_and_notes_fit_80_columns(every_kind: StatusReply):
    assert max(map(len, text_of(every_kind).splitlines())) <= 80


def test_the_widest_of_everything_fits_80_columns(make_status: MakeStatus, make_pair: MakePair):
    widest = make_pair(
        "name",
        health="critical",
        lag_s=99 * 86_400,
        lag_approximate=True,
        slave_tid="0xfedcba9876543210",
        rate_bytes_per_s=1023.0 * (1 << 20),
        up_s=400 * 86_400,
        restarts=99_999_999,
    )

    head, row = text_of(make_status(widest, make_pair("a"))).splitlines()[2:4]

    assert (
        head == "   PAIR  STATE      GEAR           LAG  SLAVE-TID        RATE       UP  RESTARTS"
    )
    assert (
        row == "!! name  streaming  following  ~99d00h  0x..76543210  1023M/s  400d00h  99999999"
    )
    assert len(row) <= 80


def test_state_and_lag_carry_the_health_of_their_pair(every_kind: StatusReply):
    mail = next(line for line in render_status(every_kind) if plain_text(line)[3:7] == "mail")

    toned = [(span.text.strip(), span.tone) for span in mail if span.tone]
    assert toned == [("!!", "critical"), ("parked", "critical"), ("unknown", "critical")]


@pytest.mark.parametrize(
    ("until_time", "note"),
    [
        (None, "paused until it is resumed"),
        ("2026-03-04T16:00:42Z", "paused for another 42s (until 16:00 UTC)"),
        ("2026-03-04T16:59:59Z", "paused for another 59m (until 16:59 UTC)"),
        ("2026-03-05T00:30:00Z", "paused for another 8h30m (until 2026-03-05 00:30 UTC)"),
        ("2026-03-04T15:59:59Z", "paused for another 0s (until 15:59 UTC)"),
    ],
)
def test_a_paused_pair_shows_how_long_it_stays_paused(
    make_status: MakeStatus, make_pair: MakePair, until_time: str | None, note: str
):
    paused = make_pair("a", wanted="paused", paused_until_time=until_time, state="stopped")

    assert text_of(make_status(paused)).splitlines()[-1] == f"      {note}"


def test_a_paused_pair_that_is_critical_counts_as_critical(
    make_status: MakeStatus, make_pair: MakePair
):
    stuck = make_pair("a", wanted="paused", state="stopping", health="critical")

    assert text_of(make_status(stuck)).splitlines()[0].endswith("running: 1 pair, 1 critical")


@pytest.mark.parametrize(
    ("dropped", "failed", "note"),
    [
        (0, 0, ""),
        (1, 0, "1 log line was lost: is the disk of the log full?"),
        (2, 3, "5 log lines were lost: is the disk of the log full?"),
    ],
)
def test_lost_log_lines_are_shown_above_the_table(
    make_status: MakeStatus, make_pair: MakePair, dropped: int, failed: int, note: str
):
    status = make_status(make_pair("a"))
    daemon = {**status["hammerd"], "lines_dropped": dropped, "writes_failed": failed}

    assert text_of({**status, "hammerd": daemon}).splitlines()[1] == note


def notes_in(status: StatusReply) -> list[str]:
    """Return the lines below the row of the only pair."""
    return text_of(status).splitlines()[4:]


def anomaly(name: str, before: str, after: str, time: str = "2026-03-04T15:58:00.000Z"):
    end = "/Backup2/pfs/a"
    return {"name": name, "end": end, "before": before, "after": after, "time": time}


FULL = {
    "name": "slave_full",
    "count": 12,
    "text": "mirror-write: No space left on device",
    "hint": "make room on the slave",
    "since_time": "2026-03-03T01:00:00.000Z",
    "last_time": "2026-03-03T23:10:00.000Z",
}


def test_troubles_of_a_pair_stand_below_it_the_most_urgent_first(
    make_status: MakeStatus, make_pair: MakePair
):
    troubled = make_pair(
        "a",
        state="waiting",
        waiting_for="backoff",
        because="slave_full",
        hint="make room on the slave",
        retry_in_s=12.0,
        failures=2,
        last_words=["No space"],
        lag_s=None,
        lag_unknown_because="slave /Backup2/pfs/a cannot be read: ENXIO",
        gear=None,
        phase=None,
        up_s=None,
        health="warning",
        complaints=[FULL],
        anomalies=[anomaly("end.role_changed", "slave", "master")],
        origin="/Backup0/pfs/a",
        origin_lag_s=None,
        slave_free_bytes=3 << 20,
        slave_total_bytes=1 << 30,
        slave_is_short_of_room=True,
        wanted="paused",
    )

    assert notes_in(make_status(troubled)) == [
        "      for backoff: slave_full, looked at again in 12s, after 2 failures",
        "      hint: make room on the slave",
        "      last words: No space",
        "      complained 12 times, last at 2026-03-03 23:10 UTC: mirror-write: No space",
        "        left on device",
        "      end.role_changed at 15:58 UTC: /Backup2/pfs/a was slave, then master",
        '      shown until "hammerd ack a"',
        "      slave short of room: 3.0 MB of 1.0 GB free (0.3 %)",
        "      lag unknown: slave /Backup2/pfs/a cannot be read: ENXIO",
        "      paused until it is resumed",
        "      an unknown time behind /Backup0/pfs/a, where its cascade begins",
    ]


def test_a_reason_for_parking_and_unknown_lag_is_shown_once(
    make_status: MakeStatus, make_pair: MakePair
):
    hint = "the uuids differ"
    parked = make_pair(
        "a",
        state="parked",
        because="uuid_mismatch",
        hint=hint,
        lag_s=None,
        lag_unknown_because=hint,
    )

    assert [note for note in notes_in(make_status(parked)) if hint in note] == [
        "      hint: the uuids differ"
    ]


def test_hint_of_a_complaint_that_is_over_stands_with_it(
    make_status: MakeStatus, make_pair: MakePair
):
    assert notes_in(make_status(make_pair("a", complaints=[FULL | {"text": "full"}]))) == [
        "      complained 12 times, last at 2026-03-03 23:10 UTC: full",
        "      hint: make room on the slave",
        '      shown until "hammerd ack a"',
    ]


def test_newest_anomalies_are_shown_and_the_others_counted(
    make_status: MakeStatus, make_pair: MakePair
):
    anomalies = [
        anomaly("slave.tid_went_back", f"0x{n:016x}", f"0x{n - 1:016x}") for n in range(1, 7)
    ]

    lines = notes_in(make_status(make_pair("a", anomalies=anomalies)))

    assert lines[:2] == [
        "      slave.tid_went_back at 15:58 UTC: /Backup2/pfs/a was 0x0000000000000006,",
        "        then 0x0000000000000005",
    ]
    assert lines[6:] == [
        "      and 3 earlier: hammerd status --json a",
        '      shown until "hammerd ack a"',
    ]


@pytest.mark.parametrize(
    ("lag_s", "origin_lag_s", "note"),
    [
        (0.0, 0.0, []),
        (4.0, 4.0, []),
        (0.0, 250.0, ["      4m10s behind /Backup0/pfs/a, where its cascade begins"]),
    ],
)
def test_lag_of_a_cascade_is_shown_if_it_differs_from_the_pair_s_own(
    make_status: MakeStatus,
    make_pair: MakePair,
    lag_s: float,
    origin_lag_s: float,
    note: list[str],
):
    below = make_pair("a", lag_s=lag_s, origin="/Backup0/pfs/a", origin_lag_s=origin_lag_s)

    assert notes_in(make_status(below)) == note


def test_free_space_is_shown_in_bulk_or_if_little_is_left(
    make_status: MakeStatus, make_pair: MakePair
):
    space = {"slave_free_bytes": 40 << 30, "slave_total_bytes": 1 << 40}

    assert notes_in(make_status(make_pair("a", **space))) == []
    assert notes_in(make_status(make_pair("a", **space, gear="bulk", phase="prescan"))) == [
        "      in bulk: prescan; 40.0 GB free on the slave"
    ]


def test_a_disabled_pair_shows_only_what_is_not_acknowledged(
    make_status: MakeStatus, make_pair: MakePair
):
    old = make_pair(
        "a",
        wanted="down",
        because="disabled",
        hint="enabled = false stands in the config",
        health="warning",
        anomalies=[anomaly("end.role_changed", "slave", "master")],
    )

    assert text_of(make_status(old)).splitlines()[3].startswith("! a")
    assert notes_in(make_status(old)) == [
        "      end.role_changed at 15:58 UTC: /Backup2/pfs/a was slave, then master",
        '      shown until "hammerd ack a"',
    ]


def test_troubles_of_the_daemon_are_below_the_table(make_status: MakeStatus, make_pair: MakePair):
    status = make_status(make_pair("a"))
    daemon = {
        **status["hammerd"],
        "state_unsaved_since_time": "2026-03-04T15:58:00.000Z",
        "state_unsaved_because": "/var/db/hammerd/state.json.new: No space left on device",
        "clocks_unsaved_because": "/var/db/hammerd/clocks.json.new: No space left on device",
        "state_complaints": ["state.json: its version 2 is not 1", "pair a: 7 is no entry"],
    }

    lines = render_status({**status, "hammerd": daemon})

    assert [plain_text(line) for line in lines[4:]] == [
        "",
        "! state not saved since 15:58 UTC: /var/db/hammerd/state.json.new: No space left",
        "    on device",
        "  hint: what was paused, resumed or acknowledged since then does not outlive",
        "    hammerd",
        "! tid clocks not saved: /var/db/hammerd/clocks.json.new: No space left on device",
        "  hint: after its next start hammerd knows no lag before it has read both ends",
        "! not read at the start: state.json: its version 2 is not 1",
        "! not read at the start: pair a: 7 is no entry",
        "  hint: what was there is kept as NAME.bad; look at what is paused",
    ]
    assert [line[0].tone for line in lines[5:7]] == ["warning", "warning"]
    alone = text_of({**make_status(), "hammerd": daemon}).splitlines()
    assert alone[1:3] == ["", plain_text(lines[5])]


def test_an_unwritable_history_is_below_the_table(make_status: MakeStatus, make_pair: MakePair):
    status = make_status(make_pair("a"))
    daemon = {
        **status["hammerd"],
        "history_unwritten_since_time": "2026-03-04T15:58:00.000Z",
        "history_unwritten_because": "/var/db/hammerd/history.db: database is locked",
        "history_rows_lost": 3,
        "history_complaints": ["/var/db/hammerd/history.db: file is not a database"],
    }

    lines = render_status({**status, "hammerd": daemon})

    assert [plain_text(line) for line in lines[5:]] == [
        "! history not written since 15:58 UTC (3 rows lost): /var/db/hammerd/history.db:",
        "    database is locked",
        '  hint: "hammerd events" and "hammerd lag" do not know of what happened since',
        "    then",
        "! history begun anew: /var/db/hammerd/history.db: file is not a database",
        "  hint: what was there is kept as NAME.bad",
    ]


def test_notifications_that_fail_are_below_the_table(make_status: MakeStatus, make_pair: MakePair):
    status = make_status(make_pair("a"))
    daemon = {
        **status["hammerd"],
        "notify_failed_since_time": "2026-03-04T15:58:00.000Z",
        "notify_failed_because": "exit 1: no route to host",
        "notify_waiting": 2,
        "alarms_unsaved_because": "/var/db/hammerd/alarms.json.new: No space left",
    }

    lines = render_status({**status, "hammerd": daemon})

    assert [plain_text(line) for line in lines[5:]] == [
        "! notifications fail since 15:58 UTC (2 wait): exit 1: no route to host",
        '  hint: nobody may be told of alarms; "hammerd notify --test" tries each command',
        "! alarms not saved: /var/db/hammerd/alarms.json.new: No space left",
        "  hint: after its next start hammerd may tell of them again",
    ]


def test_an_unusable_run_dir_or_syslog_is_below_the_table(
    make_status: MakeStatus, make_pair: MakePair
):
    status = make_status(make_pair("a"))
    daemon = {
        **status["hammerd"],
        "run_dir_unusable_because": "/var/run/hammerd: No space left on device",
        "syslog_unreached_because": "nobody listens at /dev/log",
        "syslog_lines_lost": 7,
    }

    lines = render_status({**status, "hammerd": daemon})

    assert [plain_text(line) for line in lines[5:]] == [
        "! run_dir or the lock cannot be used: /var/run/hammerd: No space left on device",
        "  hint: others may not find hammerd, or a second one may start; it tries again",
        "    each minute",
        "! syslogd takes nothing (7 lines so far): nobody listens at /dev/log",
        "  hint: the log file has them; start syslogd, or take syslog_facility out of the",
        "    config",
    ]


def test_a_refused_config_is_below_the_table(make_status: MakeStatus, make_pair: MakePair):
    status = make_status(make_pair("a"))
    daemon = {
        **status["hammerd"],
        "reload_refused_time": "2026-03-04T15:58:00.000Z",
        "reload_refused_because": "/etc/h.toml: 2 faults\n  pairs.a.delay: too short\n"
        "    hint: make it longer\n  pairs.b: no",
    }

    lines = render_status({**status, "hammerd": daemon})

    assert [plain_text(line) for line in lines[5:]] == [
        "! config refused at 15:58 UTC: /etc/h.toml: 2 faults",
        "    pairs.a.delay: too short",
        "      hint: make it longer",
        "    pairs.b: no",
        '  hint: the config of before is in force; "hammerd reload" tries again',
    ]


def test_a_daemon_without_pairs_is_one_line(make_status: MakeStatus):
    assert text_of(make_status()) == "hammerd 0.1.0 (pid 4711) is running: 0 pairs"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (-1, "0s"),
        (59.9, "59s"),
        (250, "4m10s"),
        (3_600, "1h00m"),
        (86_399, "23h59m"),
        (99 * 86_400, "99d00h"),
    ],
)
def test_a_period_is_short(seconds: float, shown: str):
    assert shown == show_period(seconds)


@pytest.mark.parametrize(
    ("lag_s", "health", "is_shown"),
    [(None, "unknown", True), (7200.0, "critical", True), (400.0, "warning", False)],
)
def test_the_safe_time_is_shown_if_the_master_may_be_lost(
    make_status: MakeStatus, make_pair: MakePair, lag_s: float, health: str, *, is_shown: bool
):
    home = make_pair("a", lag_s=lag_s, health=health, safe_until_time="2026-03-04T14:02:07.9Z")

    words = ["      everything flushed by 14:02:07 UTC is on the slave"]
    assert notes_in(make_status(home)) == (words if is_shown else [])


def test_the_durable_time_is_shown_with_the_safe_time(
    make_status: MakeStatus, make_pair: MakePair
):
    times = {
        "safe_until_time": "2026-03-04T14:02:07Z",
        "durable_until_time": "2026-03-04T14:01:40Z",
    }

    assert notes_in(make_status(make_pair("a", lag_s=None, health="unknown", **times))) == [
        "      everything flushed by 14:02:07 UTC is on the slave",
        "      flushed by 14:01:40 UTC: on its disk, should its power fail too",
    ]


@pytest.mark.parametrize(
    ("bulk", "note"),
    [
        ({}, "in bulk: copying"),
        ({"bulk_done_bytes": 0, "bulk_total_bytes": 0}, "in bulk: copying"),
        (
            {"bulk_done_bytes": 1023, "bulk_total_bytes": 1024},
            "in bulk: copying [###############.] 99 %, 1023 B of 1.0 KB",
        ),
    ],
)
def test_unknown_numbers_of_a_bulk_are_left_out(
    make_status: MakeStatus, make_pair: MakePair, bulk: dict[str, int], note: str
):
    home = make_pair("a", gear="bulk", phase="copying", **bulk)

    assert notes_in(make_status(home)) == [f"      {note}"]


@pytest.mark.parametrize(
    ("bytes_per_s", "shown"),
    [
        (0.0, "0B/s"),
        (1023.4, "1023B/s"),
        (1024.0, "1.0K/s"),
        (9.96 * 1024, "10K/s"),
        (1023 * (1 << 20), "1023M/s"),
    ],
)
def test_a_rate_takes_seven_characters_at_most(bytes_per_s: float, shown: str):
    assert shown == show_rate(bytes_per_s)
    assert len(shown) <= 7


@pytest.mark.parametrize(
    ("tid", "shown"),
    [("0x0000000100580a8f", "0x100580a8f"), ("0x0000000000000000", "0x0"), ("0x1", "0x1")],
)
def test_a_tid_is_shown_without_the_zeros_in_front(tid: str, shown: str):
    assert shown == show_tid(tid)


@pytest.mark.parametrize(
    ("size_bytes", "shown"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (5 << 40, "5.0 TB")]
)
def test_bytes_are_short(size_bytes: int, shown: str):
    assert shown == show_bytes(size_bytes)


def test_host_whose_tids_are_not_read_is_noted_unless_the_pair_says_more(
    make_status: MakeStatus, make_pair: MakePair
) -> None:
    refused = "root@office: ssh: connect to host office port 22: Connection refused"
    streaming = make_pair("a", host_unread_because=refused)
    waiting = make_pair("b", host_unread_because=refused, state="waiting", because="link_lost")

    notes = " ".join(" ".join(notes_in(make_status(streaming, waiting))).split())

    assert notes.count("TIDs over there are not read: root@office: ssh: connect") == 1
