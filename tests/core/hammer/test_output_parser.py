"""The parser reads every recorded stderr, and survives any other bytes."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerd.core.hammer.messages import (
    Batch,
    Committed,
    Complaint,
    Connecting,
    FarLocked,
    LostLink,
    Message,
    NoWork,
    Prescan,
    PrescanDone,
    Progress,
    Remark,
    SliceWritten,
    WentIdle,
)
from hammerd.core.hammer.output_parser import LONGEST_SEGMENT, OutputParser, find_cause
from hammerd.core.tid import Tid
from tests.paths import DATA

TRANSCRIPTS, KERNEL = DATA / "transcripts", DATA / "kernel"
RECORDINGS = sorted(
    path
    for place in (TRANSCRIPTS, KERNEL)
    for name in ("stderr", "second.stderr")
    for path in place.glob(f"*/{name}")
)

SCAN = b"\rscan obj=7fffffffffffffff tids=0000000000000002:0000000100580a8f %11d"
BATCH = b"Mirror-read: Mirror 0000000000000002 to 0000000100580a8f"
RUNNING_IDLE = b"Running  \n W"
COMMIT = b"Mirror-write: Completed, updated snapshot to 0000000100580a8f\n"
TWO = Tid(2)
END = Tid(0x100580A8F)


def parse(*chunks: bytes) -> list[Message]:
    parser = OutputParser()
    messages = [message for chunk in chunks for message in parser.feed(chunk)]
    return messages + parser.finish()


def without_redraws(messages: list[Message]) -> list[Message]:
    """Keep only the last of adjacent progress messages, as a parser may do."""
    followed = [*pairwise(messages), *((last, None) for last in messages[-1:])]
    return [
        message
        for message, following in followed
        if not (isinstance(message, Progress) and isinstance(following, Progress))
    ]


def cut_at(data: bytes, cuts: list[int]) -> list[bytes]:
    borders = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return [data[begin:end] for begin, end in pairwise(borders)]


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages if isinstance(message, (Complaint, Remark))]


# ---------------------------------------------------------------------------- every recording


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) > 200


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_recording_gives_the_same_messages_however_it_is_cut(path: Path) -> None:
    data = path.read_bytes()
    whole = without_redraws(parse(data))

    assert whole == without_redraws(parse(*byte_by_byte(data)))
    step = max(1, len(data) // 12)
    for cut in range(1, len(data), step):
        assert whole == without_redraws(parse(data[:cut], data[cut:]))


# Complaints that hammer prints without the prefix "hammer: ", and those of ssh.
UNPREFIXED = (
    rb"^ssh: connect",
    rb"^short read of",
    rb"^read_mrecord: ",
    rb": cannot stream: ",
    rb"(?:^|\x08 )PFS slave .* does not exist\.$",
    rb"No terminal for response$",
    rb"Response not understood$",
    rb"^ *hammer mirror-read <",
    rb"^ *hammer pfs-status <",
)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_recording_has_as_many_messages_as_a_plain_count_finds(path: Path) -> None:
    data = path.read_bytes()
    messages = parse(data)

    def count(*kinds: type) -> int:
        return sum(isinstance(message, kinds) for message in messages)

    assert data.count(b"Prescan to break up") == count(Prescan)
    assert len(re.findall(rb"Prescan \d+ chunks, total", data)) == count(PrescanDone)
    assert data.count(b"Mirror-read: Mirror ") == count(Batch)
    assert data.count(b"No work to do\n") == count(NoWork)
    assert data.count(b"updated snapshot to ") == count(Committed)
    assert data.count(b": succeeded\n") == count(SliceWritten)
    assert data.count(b" W") == count(WentIdle)
    assert data.count(b"\nLost Link\n") == count(LostLink)
    unprefixed = sum(len(re.findall(each, data, re.MULTILINE)) for each in UNPREFIXED)
    assert data.count(b"hammer: ") + unprefixed == count(Complaint)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_fed_byte_by_byte_no_progress_of_a_recording_is_lost(path: Path) -> None:
    data = path.read_bytes()
    progresses = [each for each in parse(*byte_by_byte(data)) if isinstance(each, Progress)]

    numbers = [int(number) for number in re.findall(rb"\rscan obj=\S+ tids=\S+ +(\d+)", data)]
    assert numbers == [each.slice_bytes for each in progresses]


def test_no_recording_of_a_stream_leaves_a_remark_but_these() -> None:
    remarks = {
        message.text
        for path in RECORDINGS
        if path.parent.name.startswith(("09-", "10-", "13-"))
        for message in parse(path.read_bytes())
        if isinstance(message, Remark)
    }

    assert remarks == {"Mirror-read /Backup1/pfs/test succeeded"}


# ------------------------------------------------------------------------------ single tokens


def test_the_messages_of_a_verbose_stream_are_in_order() -> None:
    data = (
        b"\nPrescan to break up bulk transfer (4096MB chunks)\n..\n"
        b"Prescan 1 chunks, total 4 MBytes (4224208)\n"
        + BATCH + b" (bulk= 4224208)\n" + SCAN % 4224208 + b"\n" + COMMIT
        + b"Mirror-write /Backup2/pfs/test: succeeded\n W\bD\b " + BATCH + b"\n"
        b"Mirror-read: No work to do\n W"
    )  # fmt: skip

    assert parse(data) == [
        Prescan(),
        PrescanDone(1, 4224208),
        Batch(TWO, END, 4224208),
        Progress(TWO, END, 4224208),
        Committed(END),
        SliceWritten(),
        WentIdle(),
        Batch(TWO, END, None),
        NoWork(),
        WentIdle(),
    ]


def test_an_idle_message_is_complete_without_a_newline() -> None:
    parser = OutputParser()
    parser.feed(BATCH + b"\n" + SCAN % 5 + b"\n")

    assert parser.feed(b" W") == [WentIdle()]
    assert parser.finish() == []


def test_a_commit_is_complete_at_its_newline() -> None:
    parser = OutputParser()

    assert parser.feed(COMMIT[:-1]) == []
    assert parser.feed(COMMIT[-1:]) == [Committed(END)]


def test_progress_is_complete_at_its_last_digit() -> None:
    parser = OutputParser()
    scan = SCAN % 430512

    assert parser.feed(scan[:-1]) == []
    assert parser.feed(scan[-1:]) == [Progress(TWO, END, 430512)]


def test_progress_as_wide_as_its_field_is_complete_after_its_number() -> None:
    parser = OutputParser()

    assert parser.feed(SCAN % 98765432101) == []
    assert parser.feed(b"23" + SCAN % 98765432109999) == [Progress(TWO, END, 9876543210123)]
    assert parser.finish() == [Progress(TWO, END, 98765432109999)]


def test_of_redraws_in_one_chunk_only_the_last_is_returned() -> None:
    chunk = b"".join(SCAN % size for size in range(0, 5 << 20, 1 << 19))

    assert OutputParser().feed(chunk) == [Progress(TWO, END, 9 << 19)]


def test_redraws_around_a_message_are_both_returned() -> None:
    assert parse(SCAN % 1 + b"\n" + COMMIT + SCAN % 2) == [
        Progress(TWO, END, 1),
        Committed(END),
        Progress(TWO, END, 2),
    ]


def test_a_prescan_of_many_slices_has_its_total_in_whole_mebibytes() -> None:
    done = parse(b"Prescan 11 chunks, total 4 MBytes (422608, 422400, 422400, ...)\n")

    assert done == [PrescanDone(11, 4 << 20)]


def test_a_prescan_of_three_slices_has_its_total_in_bytes() -> None:
    assert parse(b"Prescan 3 chunks, total 0 MBytes (400, 30, 2)\n") == [PrescanDone(3, 432)]


# ------------------------------------------------------------------------------- interleaving


def test_an_error_after_a_wait_begins_in_mid_line() -> None:
    data = BATCH + b"\n Whammer: validate_mrec_header: short read\n\nLost Link\n"

    assert [type(message) for message in parse(data)] == [Batch, WentIdle, Complaint, LostLink]
    assert texts(parse(data)) == ["hammer: validate_mrec_header: short read"]


def test_an_error_after_a_progress_begins_in_mid_line() -> None:
    error = b"hammer: Mirror-write /x: Did not get termination sync record, or rec_size ..."
    messages = parse(SCAN % 431440 + error + b"\n")

    assert messages[0] == Progress(TWO, END, 431440)
    assert texts(messages) == [error.decode()]


@pytest.mark.parametrize("sent", [513744, 12345678901, 123456789012])
@pytest.mark.parametrize(
    ("error", "name"),
    [
        (b"hammer: Mirror-write /Backup2/pfs/test fatal error 28", "slave_full"),
        (b"hammer: Mirror-read /Backup1/pfs/test fatal error 5", "master_read_error"),
        (b"Mirror-read /x: cannot stream: Operation not permitted", "root_needed"),
        (b"hammer: read_mrecords: short read on pipe", "short_read"),
    ],
)
def test_an_error_follows_a_progress_without_a_newline(sent: int, error: bytes, name: str) -> None:
    (progress, complaint) = parse(SCAN % sent + error + b"\n")

    assert progress == Progress(TWO, END, sent)
    assert isinstance(complaint, Complaint)
    assert (complaint.name, complaint.text) == (name, error.decode())


def test_an_error_around_a_progress_is_joined() -> None:
    messages = parse(
        b"hammer: "
        + SCAN % 1
        + b"Mirror-write /x failed"
        + SCAN % 2
        + b": Read-only file system\n"
    )

    assert texts(messages) == ["hammer: Mirror-write /x failed: Read-only file system"]
    assert [each.name for each in messages if isinstance(each, Complaint)] == ["slave_read_only"]


def test_a_batch_and_an_error_may_share_two_lines() -> None:
    messages = parse(
        BATCH + b"hammer:  (bulk= 4023200)\nmirror-write: target must be in slave mode\n"
    )

    assert messages[0] == Batch(TWO, END, 4023200)
    assert messages[1] == Remark("hammer:")
    assert isinstance(messages[2], Complaint)
    assert messages[2].name == "not_a_slave"


def test_two_errors_on_one_line_are_two_complaints() -> None:
    messages = parse(b"hammer: validate_mrec_header: short readhammer: Aborting operation\n\n")

    assert [each.name for each in messages if isinstance(each, Complaint)] == [
        "short_read",
        "aborting",
    ]


def test_a_shell_that_finds_no_hammer_gives_one_complaint() -> None:
    (complaint,) = parse(b"sh: 3: exec: hammer: not found\n")

    assert isinstance(complaint, Complaint)
    assert complaint.name == "remote_hammer_missing"


def test_a_commit_that_ssh_relays_late_comes_after_an_idle_message() -> None:
    data = BATCH + b"\n W" + COMMIT + b"\bD\b " + BATCH + b"\n"

    assert [type(message) for message in parse(data)] == [Batch, WentIdle, Committed, Batch]


def test_carriage_returns_before_newlines_are_no_part_of_a_message() -> None:
    assert texts(parse(b"Host key verification failed.\r\n")) == ["Host key verification failed."]


def test_a_banner_before_any_work_is_no_idle_message() -> None:
    assert parse(b" Welcome to backup\n") == [Remark("Welcome to backup")]
    assert parse(BATCH + b"\n\nLost Link\n Welcome\n")[-1] == Remark("Welcome")


def test_lost_link_in_a_longer_line_is_a_remark() -> None:
    assert parse(b"the Lost Link\n") == [Remark("the Lost Link")]


# -------------------------------------------------------------------------------- harmlessness


def test_unprintable_characters_become_visible_escapes() -> None:
    assert parse(b"\x1b[31mred\xff \xe2\x80\xae\x00\xc2\x9b\n") == [
        Remark(r"\x1b[31mred\xff \u202e\x00\x9b")
    ]


def test_printable_text_of_any_language_is_unchanged() -> None:
    assert parse("Gerät nicht bereit\n".encode()) == [Remark("Gerät nicht bereit")]


def test_a_line_without_end_is_cut_into_remarks() -> None:
    parser = OutputParser()
    messages = [message for _ in range(100) for message in parser.feed(b"x" * 1000)]
    messages += parser.finish()

    assert set(texts(messages)[:-1]) == {"x" * LONGEST_SEGMENT}
    assert len("".join(texts(messages))) == 100_000


def test_numbers_of_absurd_length_are_remarks() -> None:
    assert parse(BATCH + b" (bulk= " + b"9" * 30 + b")\n")[0] == Batch(TWO, END, None)
    assert isinstance(parse(b"Prescan " + b"9" * 30 + b" chunks, total 1 MBytes (1)\n")[0], Remark)
    assert isinstance(parse(SCAN % 10**25)[0], Remark)


def test_finish_leaves_nothing_incomplete() -> None:
    parser = OutputParser()
    parser.feed(b"half a li")

    assert parser.finish() == [Remark("half a li")]
    assert parser.finish() == []


PIECES = st.sampled_from(
    [
        BATCH, COMMIT, SCAN % 7, SCAN % 12345678901234, SCAN[:40], b" (bulk= 12)", b" W", b"\bD",
        b"\b ", b"\n", b"\r", b"hammer: ", b"Mirror-write /x failed", b": Read-only file system\n",
        b"\nLost Link\n", b"Running  \b\b", b"...", b"Prescan to break up bulk transfer",
        b"Prescan 2 chunks, total 4 MBytes (1, 2)\n", b"Mirror-write /x: succeeded\n",
        b"validate_mrec_header: short read", b"\xe2\x82", b"\xac", b"0", b"x" * 3000,
    ]
)  # fmt: skip


# No deadline: on a busy machine the duration of one example proves nothing.
@settings(deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=6)), max_size=25), st.lists(st.integers(0)))
def test_pieces_in_any_order_give_the_same_messages_however_they_are_cut(
    pieces: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(pieces)
    chunks = cut_at(data, [cut % (len(data) + 1) for cut in cuts])

    assert without_redraws(parse(data)) == without_redraws(parse(*chunks))
    assert without_redraws(parse(data)) == without_redraws(parse(*byte_by_byte(data)))


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_no_bytes_crash_the_parser_and_all_texts_are_printable(chunks: list[bytes]) -> None:
    assert all(text.isprintable() for text in texts(parse(*chunks)))


# ------------------------------------------------------------------------- a command's failure


def test_the_cause_of_a_failure_precedes_its_echo() -> None:
    cause = find_cause(
        b"hammer: validate_mrec_header: short read\nhammer: Failed to open /x: No such file or"
        b" directory\n"
    )

    assert cause is not None
    assert cause.name == "path_missing"


def test_an_echo_alone_is_better_than_no_cause() -> None:
    cause = find_cause(b"hammer: validate_mrec_header: short read")

    assert cause is not None
    assert cause.name == "short_read"


def test_without_a_complaint_there_is_no_cause() -> None:
    assert find_cause(b"Mirror-read /x succeeded\n") is None


# ---------------------------------------------------------------------------- hammerd's own lines

CONNECTING = b"hammerd-rsh: connecting to root@office.example (slave of home)\n"


def test_own_lines_are_messages_however_they_are_cut() -> None:
    data = b"\n" + CONNECTING + b"hammerd-far: locked\r\n"
    expected = [Connecting("root@office.example", "slave"), FarLocked()]

    assert parse(data) == expected
    assert parse(*byte_by_byte(data)) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"Welcome! hammerd-rsh: connecting to here (slave of home)",
        b" hammerd-far: locked",
        b"hammerd-far: locked up at night",
        b"hammerd-rsh: connecting to two words (slave of home)",
        b"\rhammerd-far: locked",
        b"x" * LONGEST_SEGMENT + b"hammerd-far: locked",
        RUNNING_IDLE + b"hammerd-far: locked",
    ],
)
def test_line_that_only_mentions_them_is_no_mark(line: bytes) -> None:
    assert not [one for one in parse(line + b"\n") if isinstance(one, Connecting | FarLocked)]


def test_errors_of_own_programs_are_not_taken_for_those_of_a_shell() -> None:
    (read,) = parse(b"hammerd-rsh: cannot run /sbin/hammer: No such file or directory\n")

    assert isinstance(read, Complaint)
    assert read.name == "ssh_missing"
    assert read.hint.startswith("/sbin/hammer is no program")


def test_own_line_holds_no_token_of_hammer() -> None:
    said = b"hammerd-far: Mirror-write: Completed, updated snapshot to 0000000100580a8f"

    assert parse(said + b"\n") == [Remark(said.decode())]
