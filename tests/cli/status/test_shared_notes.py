"""Notes of many pairs: shown once, with the pairs that they are about."""

from collections.abc import Callable, Sequence

import pytest

from hammerd.cli.client.status_types import StatusReply
from hammerd.cli.offline.last_state import LastDaemon, LastState
from hammerd.cli.offline.last_state_text import last_state_lines
from hammerd.cli.offline.saved_status import LastPair
from hammerd.cli.output.spans import plain_text
from hammerd.cli.status.nagios import print_verdict
from hammerd.cli.status.shared_notes import (
    PairNotes,
    SharedNotes,
    is_shareable,
    name_pairs,
    share_notes,
)
from hammerd.cli.status.table import render_status

MakePair = Callable[..., dict[str, object]]
MakeStatus = Callable[..., StatusReply]

TABLE = """\
hammerd 0.1.0 (pid 4711) is running: 4 pairs, 3 warning, 1 ok

! web1, web2, web3 (3 pairs): connection_refused
      hint: sshd does not run there: "hammerd doctor PAIR" tries the whole way
      last words: port 22: Connection refused

  PAIR  STATE      GEAR       LAG  SLAVE-TID    RATE     UP  RESTARTS
! web1  waiting    following   0s  0x100580a8f  0B/s  3d04h         1
      for backoff: connection_refused, looked at again in 1s, after 1 failure
! web2  waiting    following   0s  0x100580a8f  0B/s  3d04h         1
      for backoff: connection_refused, looked at again in 2s, after 2 failures
  home  streaming  following   0s  0x100580a8f  0B/s  3d04h         1
! web3  waiting    following   0s  0x100580a8f  0B/s  3d04h         1
      for backoff: connection_refused, looked at again in 3s, after 3 failures"""


def row(pair: str, *notes: str, health: str = "warning", because: str = "lost") -> PairNotes:
    return PairNotes(pair, f"/m/{pair}", f"/s/{pair}", health, because, notes)


def rows(note: str, count: int = 3) -> Sequence[PairNotes]:
    """Return pairs a1, a2, ... with a note in which `{}` is the name."""
    return [row(f"a{number}", note.replace("{}", f"a{number}")) for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("hint: is the cable in?", "hint: is the cable in?"),
        ('hint: "hammerd doctor {}" tries', 'hint: "hammerd doctor PAIR" tries'),
        ('shown until "hammerd ack {}"', 'shown until "hammerd ack PAIR"'),
        ("hint: make /s/{} anew from /m/{}", "hint: make SLAVE anew from MASTER"),
        ("hint: look at /s/{}-old", None),
        ("hint: the half (pid 7{}) died", None),
        ("in bulk: prescan", None),
    ],
)
def test_a_note_is_shared_if_it_differs_in_the_pair_only(note: str, shown: str | None):
    shared, kept = share_notes(rows(note))

    assert [each.notes for each in shared] == ([] if shown is None else [(shown,)])
    assert all(kept) is (shown is None)


def test_a_pid_is_no_difference():
    few = [row(name, f"hint: the half (pid {pid}) died") for pid, name in enumerate("abc")]

    assert [each.notes for each in share_notes(few)[0]] == [("hint: the half died",)]


def test_a_word_of_a_note_that_is_also_a_name_stays():
    few = [row("the", 'hint: the cable, "the"'), *rows('hint: the cable, "the"', 2)]

    assert [each.notes for each in share_notes(few)[0]] == [('hint: the cable, "the"',)]


def test_two_pairs_keep_their_notes_in_their_rows():
    assert share_notes(rows("hint: same", 2)) == ([], [("hint: same",)] * 2)


def test_notes_of_the_same_pairs_are_one_group_and_others_another():
    few = [
        row("a", "cause a", "hint: x", "last words: y"),
        row("b", "hint: x", "last words: y", health="critical", because="other"),
        row("c", "hint: x", "last words: y", "last words: z"),
        row("d", "last words: z"),
        row("e", "last words: z", health="unknown"),
    ]

    shared, kept = share_notes(few)

    assert shared == [
        SharedNotes(("a", "b", "c"), "critical", None, ("hint: x", "last words: y")),
        SharedNotes(("c", "d", "e"), "warning", "lost", ("last words: z",)),
    ]
    assert kept == [("cause a",), (), (), (), ()]


@pytest.mark.parametrize(
    ("count", "named"),
    [(3, "p0, p1, p2 (3 pairs)"), (4, "p0, p1, p2, p3 (4 pairs)"), (40, "p0 ... p39 (40 pairs)")],
)
def test_many_pairs_are_named_shortly(count: int, named: str):
    assert name_pairs([f"p{number}" for number in range(count)]) == named


def test_the_cause_of_a_pair_stays_in_its_row():
    assert not is_shareable("for backoff: connection_refused, looked at again in 2s")


@pytest.fixture
def refused(make_status: MakeStatus, make_pair: MakePair) -> StatusReply:
    def waiting(number: int) -> dict[str, object]:
        return make_pair(
            f"web{number}",
            state="waiting",
            waiting_for="backoff",
            because="connection_refused",
            hint=f'sshd does not run there: "hammerd doctor web{number}" tries the whole way',
            retry_in_s=float(number),
            failures=number,
            health="warning",
            last_words=["port 22: Connection refused"],
        )

    return make_status(waiting(1), waiting(2), make_pair("home"), waiting(3))


def test_a_shared_hint_stands_above_the_table(refused: StatusReply):
    assert "\n".join(map(plain_text, render_status(refused))) == TABLE


def test_a_monitor_gets_one_line_for_many_pairs(
    refused: StatusReply, capsys: pytest.CaptureFixture[str]
):
    code = print_verdict(lambda: {**refused, "health": "warning"})

    first, *others = capsys.readouterr().out.splitlines()
    assert code == 1
    assert first.startswith(
        "HAMMERD WARNING - web1, web2, web3 (3 pairs): waiting, for backoff: connection_refused, "
        "up to 0s behind (4 pairs: 3 warning, 1 ok) | "
    )
    assert others == [
        'web1, web2, web3 (3 pairs): hint: sshd does not run there: "hammerd doctor PAIR" tries'
        " the whole way",
        "home: streaming, 0s behind",
    ]


def test_without_a_daemon_a_shared_note_is_shown_once_too():
    daemon = LastDaemon("absent", "/run", None, None, 0, "/db", saved_time="2026-03-04T12:00:00Z")
    pairs = tuple(
        LastPair(name, f"/m/{name}", f"/s/{name}", "up", safe_unknown_because="it was rebooted")
        for name in ("web1", "web2", "web3")
    )
    state = LastState(daemon, "2026-03-04T13:00:00Z", pairs=pairs)

    lines = list(map(plain_text, last_state_lines(state, 80)))

    assert lines[:7] == [
        "What it left in /db 1h00m ago:",
        "",
        "web1, web2, web3 (3 pairs)",
        "      it was rebooted",
        "",
        "PAIR  WANTED  SLAVE-TID  SAFE-UNTIL  AGE",
        "web1  up      -          -           -",
    ]
    assert sum("rebooted" in line for line in lines) == 1
