"""Output of ssh, shells and banners is a cause only after the stream has ended."""

from dataclasses import replace

import pytest

from hammerd.core.hammer.diagnostics import diagnose
from hammerd.core.hammer.hints import fit_hint
from hammerd.core.hammer.messages import (
    Complaint,
    Cure,
    FarLocked,
    LostLink,
    ParkCause,
    Remark,
    Weight,
)
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pair.complaints import consequence_of
from hammerd.core.pair.events import (
    CheckHalves,
    Event,
    GroupEmpty,
    HalfDied,
    HalvesGone,
    MessageRead,
    Note,
    ParentDied,
    StartAsked,
    StopAsked,
)
from hammerd.core.pair.states import (
    Launching,
    LossCause,
    PairLife,
    Parked,
    Paused,
    Stopped,
    Stopping,
    Streaming,
    ThenBackoff,
    ThenLaunch,
    ThenMount,
    ThenPark,
    WaitingForBackoff,
)
from hammerd.core.pairs import Endpoint, Pair
from tests.core.pair.pair_play import (
    BATCH,
    COPYING,
    DUE,
    IDLE,
    LAUNCHING,
    PAIR,
    PROGRESS,
    Moment,
    advance,
    play,
)

PUSH = replace(PAIR, slave=Endpoint("/slave", SshHost("backup")))
PULL = replace(PAIR, master=Endpoint("/master", SshHost("office")))

FAR = replace(PUSH, master=Endpoint("/master", SshHost("office")))

NOISE = (
    "-bash: ulimit: open files: cannot modify limit: Operation not permitted",
    "mesg: ttyname failed: Inappropriate ioctl for device",
    "mesg: /dev/pts/0: Operation not permitted",
    "Warning: Identity file /root/.ssh/old not accessible: No such file or directory.",
    "Connection to this host is logged; unauthorised sessions will be closed",
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
    "@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @",
    'Load key "/root/.ssh/mirror": invalid format',
    "Too many authentication failures lead to a ban of your address",
    "Permission denied (ask the desk) means that your account is locked",
    "root@backup: Permission denied (publickey).",
    "Host key verification failed.",
    "stty: illegal option -- erase",
    "bash: fork: retry: Resource temporarily unavailable",
    "Welcome! Bad configuration option today: decaf",
    "bash: hammer: command not found",
    "ssh: connect to host backup port 22: Connection refused",
    "client_loop: send disconnect: Broken pipe",
    "hammer: the file system check runs on Sundays",
)

REFUSED = "ssh: connect to host backup port 22: Connection refused"

LOOKS_LIKE_HAMMERS = (
    "hammer: Failed to open /backup: No such file or directory",
    "hammer: mirror-write: target must be in slave mode",
    "hammer: Mirror-write /backup fatal error 28",
)


LOST = MessageRead(LostLink())
LOST_AT_50: tuple[Moment, ...] = ((50, LOST), (50, HalvesGone()))


SPOOFS = (
    "Lost Link",
    "Welcome to Lost Link, the game",
    " W",
    "hammerd-rsh: connecting to elsewhere (slave of home)",
    "see hammerd-far: locked, or hammerd-rsh: cannot run /usr/bin/ssh: Not a directory",
    "hammerd-rsh: cannot run /usr/bin/ssh: No such file or directory",
    "hammerd-far: an earlier writer, pid 123, does not end",
)
"""Lines of a banner that a parser could take for the end of a stream, or for hammerd's own."""


def message(text: str) -> MessageRead:
    return MessageRead(diagnose(text) or Remark(text))


def launch_with(*texts: str, pair: Pair = PUSH) -> tuple[Moment, ...]:
    return (*LAUNCHING, *((2.0, message(text)) for text in texts))


def life_after(*moments: Moment, pair: Pair = PUSH) -> PairLife:
    """Return the life of a pair whose stream loses its link after these moments."""
    return play(*moments, *LOST_AT_50, (51, GroupEmpty()), pair=pair).life


def because(life: PairLife) -> str:
    assert isinstance(life.state, WaitingForBackoff), life.state
    return life.state.trouble.because


@pytest.mark.parametrize("text", [*NOISE, *LOOKS_LIKE_HAMMERS])
@pytest.mark.parametrize("pair", [PUSH, PULL], ids=["push", "pull"])
def test_output_of_a_login_does_not_end_a_launch(text: str, pair: Pair) -> None:
    launching = play(*launch_with(text), pair=pair)
    lives = play(*launch_with(text), (3, BATCH), (4, PROGRESS), pair=pair)

    assert isinstance(launching.life.state, Launching)
    assert isinstance(lives.life.state, Streaming)
    assert launching.life.memory.last_words == (text,)


@pytest.mark.parametrize("text", NOISE)
@pytest.mark.parametrize("pair", [PAIR, PUSH, PULL], ids=["local", "push", "pull"])
def test_output_of_a_login_does_not_end_a_stream(text: str, pair: Pair) -> None:
    done = play(*COPYING, (10, message(text)), (11, IDLE), pair=pair)

    assert isinstance(done.life.state, Streaming)
    assert done.life.memory.failures == 0


@pytest.mark.parametrize(
    ("texts", "cause"),
    [
        (["Host key verification failed."], ParkCause.REFUSED),
        (["@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @"], ParkCause.REFUSED),
        (["Warning: Identity file /k not accessible: No such file."], ParkCause.REFUSED),
        (["root@backup: Permission denied (publickey)."], ParkCause.REFUSED),
        (["sh: 1: hammer: not found"], ParkCause.REFUSED),
        (["ssh: connect to host backup port 22: Connection refused"], "connection_refused"),
        (["Connection to this host is logged; all will be closed"], "connection_lost"),
        (["hammer: a message that nobody knows"], "unknown"),
        (["-bash: ulimit: open files: Operation not permitted"], LossCause.LINK_LOST),
        # ssh goes on with its next key, so its last message counts.
        (
            [
                "Warning: Identity file /k not accessible: No such file.",
                "ssh: connect to host backup port 22: Operation timed out",
            ],
            "connection_timed_out",
        ),
        (
            [
                "Received disconnect from 10.0.0.2 port 22:2: Too many authentication failures",
                "Disconnected from 10.0.0.2 port 22",
            ],
            ParkCause.REFUSED,
        ),
        (
            ["Permission denied (ask the desk) or not", "Connection closed by 10.0.0.2 port 22"],
            "connection_lost",
        ),
        (["zsh:1: command not found: hammer"], ParkCause.REFUSED),
        # A banner that mentions hammer is no message of a shell that exits.
        (
            [
                "hammer: Permission denied to all but root",
                "Connection closed by 10.0.0.2 port 22",
            ],
            "connection_lost",
        ),
        (
            ["hammer: not found here before 9 o'clock", "Connection reset by 10.0.0.2 port 22"],
            "connection_lost",
        ),
        (
            [
                "bash: hammer: command not found",
                "hammer: mirror-write: target must be in slave mode",
            ],
            ParkCause.NOT_A_SLAVE,
        ),
    ],
)
def test_cause_of_a_failed_link_is_its_complaint_of_highest_weight(
    texts: list[str], cause: str
) -> None:
    life = life_after(*launch_with(*texts))

    found = life.state.cause if isinstance(life.state, Parked) else because(life)
    assert found == cause


@pytest.mark.parametrize("first", [HalfDied(8), ParentDied("exit 1"), HalvesGone()])
def test_message_that_is_read_after_the_exit_can_be_the_cause(first: Event) -> None:
    words = (2, message("root@backup: Permission denied (publickey)."))
    done = play(*LAUNCHING, (2, first), words, (3, GroupEmpty()), pair=PUSH)

    assert isinstance(done.life.state, Parked)
    assert done.life.state.hint.startswith("backup does not accept the key")


@pytest.mark.parametrize("lost", [0, 1, 2])
@pytest.mark.parametrize(
    "texts",
    [
        ['Load key "/root/.ssh/k": Permission denied', REFUSED],
        [REFUSED, 'Load key "/root/.ssh/k": Permission denied'],
    ],
)
def test_weightiest_login_complaint_is_the_cause_even_if_it_is_read_after_the_loss(
    texts: list[str], lost: int
) -> None:
    heard: list[Event] = [message(text) for text in texts]
    heard.insert(lost, HalvesGone())

    done = play(*LAUNCHING, *((2.0, each) for each in heard), (3, GroupEmpty()), pair=PUSH)

    assert because(done.life) == "connection_refused"


def test_cause_of_a_launch_timeout_is_the_complaint_before() -> None:
    done = play(*launch_with("Host key verification failed."), DUE, pair=PUSH)

    assert isinstance(done.life.state, Stopping)
    assert isinstance(done.life.state.then, ThenPark)


def test_link_that_had_worked_is_tried_again_despite_login_complaints() -> None:
    life = life_after(
        *launch_with("root@backup: Permission denied (publickey)."),
        (3, MessageRead(FarLocked())),
        (3, BATCH),
        (4, PROGRESS),
    )

    assert isinstance(life.state, Launching)


@pytest.mark.parametrize("is_late", [False, True])
def test_broken_link_has_its_complaint_as_cause(is_late: bool) -> None:
    words = (10, message("Connection to backup closed by remote host."))
    death = (10, HalfDied(8, "target"))
    moments = (death, words) if is_late else (words, death)

    done = play(*COPYING, *moments, (11, GroupEmpty()), pair=PUSH)

    assert because(done.life) == "connection_lost"


def test_message_of_a_stream_that_hammerd_ends_is_no_cause() -> None:
    words = (11, message("root@backup: Permission denied (publickey)."))
    done = play(*COPYING, (10, StopAsked(Paused())), words, (12, GroupEmpty()), pair=PUSH)

    assert done.life.state == Stopped(12)


def test_hammers_own_error_stays_the_cause_after_a_later_sign_of_life() -> None:
    # The two halves' lines race (docs/hammer.md 5.1).
    moments = launch_with("hammer: mirror-write: target must be in slave mode")

    life = life_after(*moments, (2, BATCH), (3, PROGRESS))

    assert isinstance(life.state, Parked)
    assert life.state.cause is ParkCause.NOT_A_SLAVE


def test_error_that_both_halves_survived_is_no_later_cause() -> None:
    moments = launch_with("hammer: Mirror-write /backup fatal error 28")

    life = life_after(
        *moments, (2, MessageRead(FarLocked())), (2, BATCH), (3, PROGRESS), (4, IDLE)
    )

    assert isinstance(life.state, Launching)


@pytest.mark.parametrize("text", LOOKS_LIKE_HAMMERS)
@pytest.mark.parametrize("pair", [PUSH, PULL, FAR], ids=["push", "pull", "remote-to-remote"])
@pytest.mark.parametrize("begun", [LAUNCHING, COPYING], ids=["launching", "copying"])
def test_words_of_hammer_end_no_stream_with_a_half_on_another_host(
    text: str, pair: Pair, begun: tuple[Moment, ...]
) -> None:
    complained = play(*begun, (10, message(text)), pair=pair)
    ended = advance(complained.life, (10, HalfDied(8, "target")))

    assert isinstance(complained.life.state, Launching | Streaming)
    assert complained.effects == ()
    assert isinstance(ended.life.state, Stopping)
    complaint = diagnose(text)
    assert complaint is not None
    assert ended.life.state.then == consequence_of(fit_hint(complaint, pair))


@pytest.mark.parametrize("pair", [PUSH, PULL, FAR], ids=["push", "pull", "remote-to-remote"])
@pytest.mark.parametrize("begun", [LAUNCHING, COPYING], ids=["launching", "copying"])
def test_words_lost_link_end_no_stream_with_a_half_on_another_host(
    pair: Pair, begun: tuple[Moment, ...]
) -> None:
    read = play(*begun, (10, LOST), pair=pair)
    gone = advance(read.life, (10, HalvesGone()))

    assert read.effects == (CheckHalves(),)
    assert read.life.state == play(*begun, pair=pair).life.state
    assert isinstance(gone.life.state, Stopping)


def test_full_slave_that_a_banner_tells_of_is_not_counted_while_the_stream_goes_on() -> None:
    full = message("hammer: Mirror-write /backup fatal error 28")
    goes_on = play(*LAUNCHING, (2, full), (3, BATCH), (4, PROGRESS), (5, full), pair=PUSH)
    ended = advance(goes_on.life, (6, HalfDied(8, "target")))
    late = play(*LAUNCHING, (2, HalfDied(8, "target")), (2, full), pair=PUSH)

    assert goes_on.life.memory.complaints == ()
    for done in (ended, late):
        assert [(one.name, one.count) for one in done.life.memory.complaints] == [
            ("slave_full", 1)
        ]
        assert isinstance(done.effects[-1], Note)
        assert done.effects[-1].text.endswith("fatal error 28 (seen 1 times)")


def test_line_that_a_login_survived_is_no_cause_of_a_launch_that_hangs() -> None:
    launch = launch_with("Permission denied (ask the desk) means that you are locked out")

    hanging = play(*launch, DUE, pair=PUSH)
    ended = play(*launch, (3, HalfDied(8)), pair=PUSH)

    assert isinstance(hanging.life.state, Stopping)
    assert isinstance(hanging.life.state.then, ThenBackoff)
    assert hanging.life.state.then.trouble.because == LossCause.LAUNCH_TIMEOUT
    assert isinstance(ended.life.state, Stopping)
    assert isinstance(ended.life.state.then, ThenPark)


CHANGED = (
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
    "Offending ED25519 key in /var/db/hammerd/known_hosts:1",
    "Host key for backup has changed and you have requested strict checking.",
    "Host key verification failed.",
)
CHANGED_FOR_SSH_8_0 = (
    *CHANGED[:2],
    "ED25519 host key for backup has changed and you have requested strict checking.",
    CHANGED[-1],
)
UNKNOWN = (
    "No ED25519 host key is known for backup and you have requested strict checking.",
    "Host key verification failed.",
)


@pytest.mark.parametrize(
    ("texts", "hint"),
    [
        (CHANGED, "backup shows another host key than before"),
        (CHANGED_FOR_SSH_8_0, "backup shows another host key than before"),
        (UNKNOWN, "ssh does not know the host key of backup"),
        (UNKNOWN[-1:], "ssh does not trust the host key of backup"),
    ],
)
def test_changed_host_key_and_an_unknown_one_have_their_own_hints(
    texts: tuple[str, ...], hint: str
) -> None:
    life = life_after(*launch_with(*texts))

    assert isinstance(life.state, Parked)
    assert life.state.hint.startswith(hint)


def test_complaint_of_hammers_own_ends_a_local_launch_at_once() -> None:
    done = play(*launch_with("hammer: Failed to open /slave: No such file or directory"))

    assert isinstance(done.life.state, Stopping)
    assert isinstance(done.life.state.then, ThenMount)


def test_new_attempt_begins_without_complaints() -> None:
    parked = life_after(*launch_with("Host key verification failed."))
    again = advance(parked, (60, StartAsked()))

    assert parked.memory.likely_cause is not None
    for moment in LAUNCHING[1:]:
        again = advance(again.life, (61, moment[1]))
    assert again.life.memory.likely_cause is None


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("hammer: Mirror-write /x fatal error 28", Weight.OWN),
        ("mirror-write: target must be in slave mode", Weight.OWN),
        ("hammer: no version said this before", Weight.PARTING),
        ("Host key verification failed.", Weight.PARTING),
        ("bash: line 1: hammer: command not found", Weight.PARTING),
        ("Welcome. Host key verification failed. Ha", Weight.PASSING),
        ("Connection to this host is logged and closed", Weight.PASSING),
    ],
)
def test_weight_of_a_line_depends_on_its_form(text: str, weight: Weight) -> None:
    complaint = diagnose(text)

    assert isinstance(complaint, Complaint)
    assert complaint.weight is weight
    assert complaint.cure is not Cure.ECHO


def test_gear_change_is_not_delayed_by_the_last_message_of_ssh() -> None:
    bulk = play(*LAUNCHING, (2, BATCH), pair=PUSH).life
    state = bulk.state
    assert isinstance(state, Streaming)
    ending = Stopping(3, 8, ThenLaunch(state.gear), has_lived=True)

    done = advance(replace(bulk, state=ending), (4, message("Connection to backup closed.")))

    assert done.life.state == ending
    assert not isinstance(ending.then, ThenBackoff)
