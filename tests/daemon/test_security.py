"""What hammerd was built against: each threat of hammerd(8), SECURITY, and the tests that hold it.

Each stands with its tests below it; those without a path are here.

    hostile config values
        test_any_value_is_a_fault_or_one_word_of_a_command
        test_value_that_nothing_could_take_is_a_fault
        test_name_full_of_shell_is_only_a_name
        tests/core/test_config_endpoints.py::test_an_end_that_hammer_would_take_amiss_is_refused
    a config that others may write to
        tests/daemon/test_config_file.py::test_a_file_or_directory_that_others_can_change_is_refused
    directories that others may write to
        test_directory_that_others_could_change_keeps_root_s_hammerd_from_starting
        test_directory_of_another_user_is_refused
    links and other files in the place of ours
        test_pid_file_leaves_alone_what_somebody_put_there
        test_links_in_the_place_of_our_files_are_not_followed
        test_fifos_in_the_place_of_our_files_hold_nothing_up
        test_record_is_not_written_through_a_link
        tests/daemon/test_history_file.py::test_a_symbolic_link_is_not_followed
        tests/daemon/test_history_file.py::test_a_fifo_is_not_waited_for
        tests/daemon/test_writer.py::test_log_file_never_follows_a_symlink
        tests/daemon/test_writer.py::test_fifo_that_nobody_reads_holds_nothing_up
        tests/daemon/test_service_life.py::test_what_can_be_no_log_is_refused_at_the_start
    requests of other users
        test_only_the_group_may_ask_and_nobody_else_may_command
        tests/daemon/test_control_server.py::test_sockets_are_closed_to_others
        tests/daemon/test_control_server.py::test_status_socket_takes_no_verb_that_changes_anything
    clients that mean harm
        test_hostile_clients_hurt_nobody_but_themselves
        test_storm_of_requests_keeps_no_stream_from_being_mended
        tests/daemon/test_control_server.py::test_nonsense_is_refused_and_the_daemon_goes_on
        tests/daemon/test_control_server.py::test_endless_request_is_refused_and_cut_off
        tests/daemon/test_control_server.py::test_silent_clients_keep_nobody_from_asking
        tests/daemon/test_control_server.py::test_client_that_never_reads_is_hung_up_on
        tests/core/test_control_messages.py::test_any_bytes_are_a_request_or_refused
    the environment of who starts it
        test_stream_inherits_nothing_of_who_started_us
        tests/daemon/test_calls.py::test_command_has_no_terminal_and_only_the_environment_given
    the umask of who starts it
        test_stream_inherits_nothing_of_who_started_us
    processes that pretend to be a stream
        tests/daemon/test_foreign.py::test_words_of_somebody_who_can_write_to_no_slave_are_only_words
        tests/daemon/test_obstacles.py::test_foreign_stream_parks_the_pair_and_is_left_alone
    forged records of streams
        test_record_that_another_user_could_have_written_is_none
        test_record_of_a_stranger_s_pid_is_nobody_s_group
        tests/daemon/test_spawn_records.py::test_damaged_record_is_none_and_said
    words of the other host
        test_no_terminal_obeys_what_another_host_prints
        test_words_of_a_command_line_are_made_harmless
        tests/daemon/test_noise.py::test_stream_beside_a_flood_is_mended_and_the_daemon_answers
"""

from __future__ import annotations

import ast
import contextlib
import grp
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.config import parse_config, read_config
from hammerd.core.control_messages import Verb
from hammerd.core.daemon_config import LogFormat, LogLevel
from hammerd.core.errors import ConfigError, HammerdError
from hammerd.core.hammer_command import pfs_status_argv, stream_argv
from hammerd.core.hammer_output import LONGEST_SEGMENT, OutputParser
from hammerd.core.pairs import Gear, Pair
from hammerd.core.stream_sayings import Complaint, Remark
from hammerd.daemon.foreign import LONGEST_COMMAND, Writer, is_still_there
from hammerd.daemon.logs import LogStyle, make_logger
from hammerd.daemon.pidfile import PidFile
from hammerd.daemon.spawn_records import KnownProcess, SpawnRecord, SpawnRecords
from tests.daemon.world import DEADLINE_S, World, until

ROOT = Path(__file__).parents[2]
NOBODY = 65534
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def paired(world_once: World) -> World:
    """A world with a master and a slave, and a config; no daemon runs."""
    master = world_once.make_master()
    slave = world_once.make_slave(master)
    world_once.configure({"test": (master, slave)})
    return world_once


def start(world: World, *under: object) -> None:
    world.start(world.root / "hammerd.toml", *under)


def refusal(world: World) -> str:
    """Start a daemon that does not come up; return what it says of that."""
    daemon = world.spawn(world.root / "hammerd.toml")
    assert daemon.wait(DEADLINE_S) != 0
    assert daemon.stderr
    return " ".join(daemon.stderr.read().split())


# --- the table above -----------------------------------------------------------------------------


def table() -> dict[str, list[str]]:
    threats: dict[str, list[str]] = {}
    for line in (__doc__ or "").splitlines():
        if line.startswith(" " * 8):
            threats[next(reversed(threats))].append(line.strip())
        elif line.startswith(" " * 4):
            threats[line.strip()] = []
    return threats


def test_every_threat_of_the_manual_has_its_tests() -> None:
    page = (ROOT / "docs/hammerd.8").read_text()
    _, _, threats = page.partition(".Ss Threats\n")
    told = re.findall(r"^\.It Sy (.*)$", threats.partition("\n.El")[0], re.MULTILINE)

    assert told == list(table())
    assert all(table().values())


@pytest.mark.parametrize("name", sorted({name for names in table().values() for name in names}))
def test_every_test_that_is_named_is_there(name: str) -> None:
    path, _, function = name.rpartition("::")
    tree = ast.parse((ROOT / path if path else Path(__file__)).read_text())

    assert function in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


# --- hostile config values -----------------------------------------------------------------------

HOSTILE = ("-", "--", "-oProxyCommand=id", "$(id)", "`id`", ";id", "|id", "&", ">x", "'", '"')
CONTROL = ("\n", "\r", "\0", "\x1b[2J", "\u009b", "\u00a0", "\u2028", "\U000e0001", " ", "\t")
OTHER = ("..", "/", "@", ":", "*", "~root", "#", "!", "host", "user", "x" * 300, "é")
PIECES = st.sampled_from((*HOSTILE, *CONTROL, *OTHER))
VALUES = st.lists(PIECES | st.text(max_size=5), min_size=1, max_size=8).map("".join)
FORMS = st.sampled_from(("{}", "/{}", "/pfs/{}", "host:/{}", "{}:/pfs", "{}@host:/pfs", "host:{}"))


def toml(text: str) -> str:
    """Return a text as TOML writes it."""
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


@given(FORMS, VALUES, st.sampled_from(("master", "slave")))
def test_any_value_is_a_fault_or_one_word_of_a_command(form: str, value: str, key: str) -> None:
    ends = {"master": '"/m"', "slave": '"/s"', key: toml(form.format(value))}
    text = "[pairs.a]\n" + "".join(f"{name} = {end}\n" for name, end in ends.items())
    try:
        (pair,) = parse_config(text, "hostile").pairs
    except ConfigError as error:
        said = str(error).splitlines()
    else:
        assert_reaches_hammer_whole(pair)
        return

    assert all(line.isprintable() for line in said)


def assert_reaches_hammer_whole(pair: Pair) -> None:
    """Make sure that both ends are an argument each, and cut by nobody."""

    for gear in Gear:
        *options, verb, master, slave = stream_argv("/sbin/hammer", pair, gear)
        assert verb == "mirror-stream"
        assert options[:2] == ["/sbin/hammer", "-vv"]
        assert all(not word.startswith("-") and word.isprintable() for word in (master, slave))
        for end, word in ((pair.master, master), (pair.slave, slave)):
            assert end.path.startswith("/")
            # Without a colon it is no host, with one hammer cuts it where we did.
            assert word.partition(":")[2 if end.is_remote else 0] == end.path
            if end.is_remote:
                assert re.fullmatch(r"(?:[\w.-]+@)?[\w.-]+", end.where, re.ASCII)
                assert not re.search(r"[\s\"'`$&;|<>()\[\]{}*?!#~^\\@]", end.path)
    assert pfs_status_argv("/sbin/hammer", [pair.master])[2].startswith("/")


@pytest.mark.parametrize(
    "value", [*HOSTILE, "", "a\nb", "a\0b", "../x", "x" * 5000, "/" + "x" * 2000]
)
@pytest.mark.parametrize(
    "key", ["hammer", "run_dir", "state_dir", "log_file", "lag_log_file", "status_group"]
)
def test_value_that_nothing_could_take_is_a_fault(key: str, value: str) -> None:
    if key == "status_group" and value.isalpha():
        return
    with pytest.raises(ConfigError) as caught:
        parse_config(f"[daemon]\n{key} = {toml(value)}\n", "hostile")

    assert f"daemon.{key}" in str(caught.value)


@pytest.mark.parametrize("name", ["-x", "a b", "a;b", "a/b", "a\nb", "", "x" * 64, "é"])
def test_name_of_a_pair_is_a_plain_word(name: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(f'[pairs.{toml(name)}]\nmaster = "/m"\nslave = "/s"\n', "hostile")


def test_what_is_no_utf_8_is_a_fault() -> None:
    with pytest.raises(ConfigError):
        read_config(b'[pairs.a]\nmaster = "/m\xff"\nslave = "/s"\n', "hostile")


def test_name_full_of_shell_is_only_a_name(world_once: World) -> None:
    name = "-a b;touch pwned $(touch pwned)`touch pwned`'\"|&"
    master = world_once.make_master(name)
    slave = world_once.make_slave(master, name)
    world_once.write("first", "first\n", name)
    world_once.start(world_once.configure({"test": (_escaped(master), _escaped(slave))}))
    before = world_once.streams_in_following_gear()

    assert before["slave"] == str(slave)
    assert not list(world_once.root.rglob("pwned"))
    assert not Path("pwned").exists()
    assert not Path("/pwned").exists()


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


# --- directories ---------------------------------------------------------------------------------


@ROOT_ONLY
@pytest.mark.parametrize("mode", [0o777, 0o1777], ids=oct)
@pytest.mark.parametrize(
    ("place", "key"),
    [("run", "run_dir"), ("run/streams", "run_dir"), ("db", "state_dir"), ("log", "log_file")],
)
def test_directory_that_others_could_change_keeps_root_s_hammerd_from_starting(
    paired: World, place: str, key: str, mode: int
) -> None:
    directory = paired.root / place
    directory.mkdir(parents=True)
    directory.chmod(mode)

    assert f"daemon.{key}: everybody may write to {directory}" in refusal(paired)
    assert not (paired.run_dir / "control.sock").exists()


@ROOT_ONLY
def test_directory_of_another_user_is_refused(paired: World) -> None:
    (paired.root / "db").mkdir()
    os.chown(paired.root / "db", NOBODY, -1)

    assert "is not root's" in refusal(paired)


# --- links, FIFOs, directories -------------------------------------------------------------------

PUT: dict[str, Callable[[Path, Path], object]] = {
    "symlink": lambda path, victim: path.symlink_to(victim),
    "hard link": lambda path, victim: path.hardlink_to(victim),
    "FIFO": lambda path, _: os.mkfifo(path),
    "directory": lambda path, _: path.mkdir(),
}


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of somebody else, that only its owner may read."""
    path = tmp_path / "victim"
    path.write_text("dear\n")
    path.chmod(0o400)
    return path


def assert_unharmed(victim: Path) -> None:
    assert (victim.read_text(), stat.S_IMODE(victim.stat().st_mode)) == ("dear\n", 0o400)


@pytest.mark.parametrize("is_lock_only", [False, True], ids=["pid file", "lock"])
@pytest.mark.parametrize("kind", PUT)
def test_pid_file_leaves_alone_what_somebody_put_there(
    tmp_path: Path, victim: Path, kind: str, is_lock_only: bool
) -> None:
    path = tmp_path / "hammerd.pid"
    PUT[kind](path, victim)
    with pytest.raises((OSError, HammerdError)):
        PidFile(path, is_lock_only=is_lock_only)

    assert_unharmed(victim)
    assert path.is_symlink() or path.exists()


OURS = (
    *("db/state.json", "db/state.json.new", "db/state.json.bad", "db/clocks.json"),
    *("db/clocks.json.new", "run/control.sock", "run/status.sock"),
)


def put_in_place_of_ours(world: World, kind: str, victim: Path) -> None:
    for name in OURS:
        path = world.root / name
        path.parent.mkdir(mode=0o755, exist_ok=True)
        PUT[kind](path, victim)


@pytest.mark.parametrize("kind", ["symlink", "hard link"])
def test_links_in_the_place_of_our_files_are_not_followed(paired: World, kind: str) -> None:
    victim = paired.root / "victim"
    victim.write_text("dear\n")
    victim.chmod(0o400)
    put_in_place_of_ours(paired, kind, victim)
    start(paired)

    assert paired.ask(Verb.PAUSE)["unsaved_because"] is None
    assert json.loads((paired.root / "db/state.json").read_text())["pairs"]["test"]["is_paused"]
    assert_unharmed(victim)
    assert paired.stop(paired.daemons[0]) == 0
    assert_unharmed(victim)
    assert not (paired.root / "db/clocks.json").is_symlink()


def test_fifos_in_the_place_of_our_files_hold_nothing_up(paired: World, tmp_path: Path) -> None:
    put_in_place_of_ours(paired, "FIFO", tmp_path)
    start(paired)

    assert paired.ask(Verb.PAUSE)["unsaved_because"] is None
    assert (paired.root / "db/state.json").is_file()


@pytest.mark.parametrize("kind", ["symlink", "hard link", "FIFO"])
def test_record_is_not_written_through_a_link(tmp_path: Path, victim: Path, kind: str) -> None:
    said: list[str] = []
    records = SpawnRecords(tmp_path / "streams", said.append)
    for name in ("4711.json", "4711.json.new"):
        PUT[kind](tmp_path / "streams" / name, victim)
    record = SpawnRecord(4711, "test", ("hammer",), (), ())
    records.write(record)

    assert_unharmed(victim)
    assert ([], [record]) == (said, list(records.left_behind()))
    assert stat.S_IMODE((tmp_path / "streams/4711.json").stat().st_mode) == 0o600


# --- records -------------------------------------------------------------------------------------


def test_record_that_another_user_could_have_written_is_none(tmp_path: Path) -> None:
    said: list[str] = []
    records = SpawnRecords(tmp_path, said.append)
    records.write(SpawnRecord(4711, "test", ("hammer",), (), ()))
    (tmp_path / "4711.json").chmod(0o622)

    assert list(records.left_behind()) == []
    assert "another user could have written it" in said[0]


@ROOT_ONLY
def test_record_of_another_user_is_none(tmp_path: Path) -> None:
    said: list[str] = []
    records = SpawnRecords(tmp_path, said.append)
    records.write(SpawnRecord(4711, "test", ("hammer",), (), ()))
    os.chown(tmp_path / "4711.json", NOBODY, -1)

    assert list(records.left_behind()) == []
    assert "another user could have written it" in said[0]


def test_record_of_a_stranger_s_pid_is_nobody_s_group() -> None:
    with subprocess.Popen(["/bin/sleep", "4716"], start_new_session=True) as stranger:
        try:
            began = psutil.Process(stranger.pid).create_time()
            earlier = KnownProcess(stranger.pid, began - 60)
            record = SpawnRecord(stranger.pid, "test", ("hammer", "mirror-stream"), (), (earlier,))

            assert not is_still_there(record)
        finally:
            stranger.kill()


# --- sockets -------------------------------------------------------------------------------------

ASKING = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(65534)
end = socket.socket(socket.AF_UNIX)
try:
    end.connect(sys.argv[1])
    end.sendall(b'{"verb": "ping"}\\n')
    print(end.makefile().readline())
except PermissionError:
    print("refused")
"""


def asked_as(path: Path, gid: int) -> str:
    argv = [sys.executable, "-IS", "-c", ASKING, str(path), str(gid)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@ROOT_ONLY
def test_only_the_group_may_ask_and_nobody_else_may_command(paired: World) -> None:
    member, stranger = [each for each in grp.getgrall() if each.gr_gid not in (0, NOBODY)][:2]
    config = paired.root / "hammerd.toml"
    config.write_text(config.read_text().replace("no-such-group", member.gr_name))
    paired.root.chmod(0o755)
    start(paired)
    status, control = paired.run_dir / "status.sock", paired.run_dir / "control.sock"

    assert (status.stat().st_gid, stat.S_IMODE(status.stat().st_mode)) == (member.gr_gid, 0o660)
    assert '"ok":true' in asked_as(status, member.gr_gid)
    assert asked_as(status, stranger.gr_gid) == "refused"
    assert asked_as(control, member.gr_gid) == "refused"
    assert stat.S_IMODE(paired.run_dir.stat().st_mode) == 0o755


MOST_GROWTH_BYTES = 48 << 20


def test_hostile_clients_hurt_nobody_but_themselves(paired: World) -> None:
    start(paired)
    before_bytes = memory_bytes(paired)
    with contextlib.ExitStack() as clients:
        for deed in (say_half, say_much, ask_and_never_read, hang_up_half, say_nonsense) * 12:
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(0.05)
            with contextlib.suppress(OSError):
                client.connect(str(paired.run_dir / "status.sock"))
                deed(client)
            asked_at = time.monotonic()
            assert paired.answers()
            assert time.monotonic() - asked_at < 5
        assert memory_bytes(paired) - before_bytes < MOST_GROWTH_BYTES
        # And whoever may command still can, while they all hang on.
        assert paired.ask(Verb.PAUSE)["pairs"] == ["test"]

    until(lambda: len(psutil.Process(paired.daemons[0].pid).net_connections("unix")) < 20, "gone")
    assert "daemon.broke" not in paired.log()


def test_storm_of_requests_keeps_no_stream_from_being_mended(paired: World) -> None:
    start(paired)
    half = paired.streams_in_following_gear()["half_pids"][0]
    is_over = threading.Event()
    path = str(paired.run_dir / "status.sock")
    with ThreadPoolExecutor(8) as storm:
        answered = [storm.submit(ask_again_and_again, path, is_over) for _ in range(8)]
        try:
            os.kill(half, signal.SIGKILL)
            now = paired.reaches(
                lambda now: now["state"] == "streaming" and half not in now["half_pids"],
                "streaming anew",
            )
        finally:
            is_over.set()

    assert now["restarts"] == 1
    assert all(each.result() for each in answered)


def ask_again_and_again(path: str, is_over: threading.Event) -> int:
    """Ask for much as fast as is answered, each time on a new connection; count the answers."""
    names = json.dumps([f"pair-{number}" for number in range(4000)]).encode()
    answers = 0
    while not is_over.is_set() or answers == 0:
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
            client.settimeout(10)
            client.connect(path)
            for request in (
                b'{"verb": "status"}\n',
                b'{"verb": "status", "pairs": ' + names + b"}\n",
            ):
                client.sendall(request)
            answers += len(client.recv(1 << 16)) > 0
    return answers


def memory_bytes(world: World) -> int:
    return psutil.Process(world.daemons[0].pid).memory_info().rss


def say_half(client: socket.socket) -> None:
    client.sendall(b'{"verb": "sta')


def say_much(client: socket.socket) -> None:
    client.sendall(b"x" * (8 << 20))


def ask_and_never_read(client: socket.socket) -> None:
    for _ in range(5000):
        client.sendall(b'{"verb": "status"}\n')


def hang_up_half(client: socket.socket) -> None:
    client.sendall(b'{"verb": "status"}\n{"verb"')
    client.shutdown(socket.SHUT_WR)


def say_nonsense(client: socket.socket) -> None:
    for line in (b"\xff\n", b"[" * 60_000 + b"\n", b'{"verb": ' + b"9" * 60_000 + b"}\n"):
        client.sendall(line)


# --- what is inherited ---------------------------------------------------------------------------

NOTING = """#!{python} -IS
import json, os, sys
mask = os.umask(0o077)
fds = [int(name) for name in os.listdir("/dev/fd")]
is_open = lambda fd: os.path.exists(f"/dev/fd/{{fd}}")
note = {{"env": dict(os.environ), "umask": mask, "cwd": os.getcwd(), "words": sys.argv[1:],
        "fds": [fd for fd in fds if is_open(fd)], "leads": os.getsid(0) == os.getpid()}}
with open("/proc/self/status") as status:
    note["signals"] = {{line.split()[0]: line.split()[1] for line in status if "Sig" in line}}
with open(f"{notes}/{{os.getpid()}}.new", "w") as file:
    json.dump(note, file)
os.rename(file.name, file.name[:-4])
os.execv("{hammer}", ["{hammer}", *sys.argv[1:]])
"""

HOSTILE_ENVIRONMENT = {
    "LD_PRELOAD": "/nonexistent/evil.so",
    "HAMMER_RSH": "/nonexistent/evil",
    "SSH_AUTH_SOCK": "/nonexistent/agent",
    "SSH_ASKPASS": "/nonexistent/askpass",
    "PYTHONPATH": "/nonexistent/evil",
    "PYTHONINSPECT": "",
    "IFS": "x",
    "ENV": "/nonexistent/evil.sh",
}
CARELESS = 'umask 0; trap "" CHLD HUP USR1 TERM; exec 7</dev/null 8>/dev/null; exec "$@"'
PYTHON_IGNORES = {13, 25}
"""PIPE and XFSZ: by the Python that notes, not by us."""


@pytest.fixture
def careless(paired: World) -> Iterator[World]:
    """A world whose daemon was started by somebody careless, with a hammer that takes notes."""
    notes = paired.root / "notes"
    notes.mkdir()
    (paired.root / "noting").mkdir()
    noting = paired.root / "noting/hammer"
    noting.write_text(NOTING.format(python=sys.executable, notes=notes, hammer=paired.hammer))
    noting.chmod(0o755)
    config = paired.root / "hammerd.toml"
    config.write_text(config.read_text().replace(f'"{paired.hammer}"', f'"{noting}"'))
    paired.env = dict(HOSTILE_ENVIRONMENT)
    start(paired, "/bin/sh", "-c", CARELESS, "sh")
    return paired


def test_stream_inherits_nothing_of_who_started_us(careless: World) -> None:
    careless.streams_in_following_gear()
    notes = [json.loads(path.read_text()) for path in (careless.root / "notes").glob("*[0-9]")]

    assert {"pfs-status", "mirror-stream"} <= {word for note in notes for word in note["words"]}
    for note in notes:
        assert note["env"].keys() == {"PATH", "HOME", "LC_ALL"}
        assert (note["umask"], note["cwd"], note["leads"]) == (0o077, "/", True)
        assert set(note["fds"]) == {0, 1, 2}
        assert int(note["signals"]["SigBlk:"], 16) == 0
        assert ignored(note["signals"]["SigIgn:"]) <= PYTHON_IGNORES
    assert others_may_write(careless.root) == []


def ignored(mask: str) -> set[int]:
    return {number for number in range(1, 65) if int(mask, 16) >> (number - 1) & 1}


def others_may_write(root: Path) -> list[Path]:
    ours = (path for name in ("run", "db", "log") for path in (root / name).rglob("*"))
    return [path for path in ours if path.lstat().st_mode & 0o002]


# --- words ---------------------------------------------------------------------------------------

EVIL = "\x1b[2J\x9b31m\u202e\x07 evil \x7f"


@pytest.mark.parametrize("log_format", LogFormat)
def test_no_terminal_obeys_what_another_host_prints(log_format: LogFormat) -> None:
    lines: list[str] = []
    log = make_logger(lambda line, *_: lines.append(line), LogStyle(log_format, LogLevel.INFO))
    sayings = OutputParser().feed(
        f"hammer: {EVIL}\n{EVIL}\n".encode() + b"\xff\x9b\n" + b"x" * 99_999
    )
    texts = [each.text for each in sayings if isinstance(each, Complaint | Remark)]
    for text in (*texts, EVIL):
        log.info("pair.complained", text=text)

    assert len(texts) > 3
    assert all(text.isprintable() and len(text) <= LONGEST_SEGMENT for text in texts)
    assert all(line.isprintable() for line in lines)


def test_words_of_a_command_line_are_made_harmless() -> None:
    words = ("hammer", "mirror-stream", f"/m{EVIL}", "/s", "x" * 100_000)
    told = Writer(1, 1, 0.0, words, "/s").command

    assert told.isprintable()
    assert len(told) == LONGEST_COMMAND
