"""Each threat of hammerd(8), SECURITY, has tests that show the defence against it.

Each stands with its tests below it; those without a path are here.

    hostile config values
        test_any_value_is_a_fault_or_one_word_of_a_command
        test_value_that_nothing_could_take_is_a_fault
        test_name_full_of_shell_is_only_a_name
        tests/core/config/test_endpoints.py::test_an_endpoint_that_hammer_would_misread_is_refused
    a config that others may write to
        tests/daemon/service/test_config_file.py::test_a_file_or_directory_that_others_can_change_is_refused
    directories that others may write to
        tests/daemon/scenarios/hostile/test_hostile_files.py::test_directory_that_others_could_change_keeps_root_s_hammerd_from_starting
        tests/daemon/scenarios/hostile/test_hostile_files.py::test_directory_of_another_user_is_refused
    links and other files in the place of ours
        tests/daemon/scenarios/hostile/test_hostile_files.py::test_foreign_file_at_the_pid_files_path_is_left_alone
        tests/daemon/scenarios/hostile/test_hostile_files.py::test_links_in_the_place_of_our_files_are_not_followed
        tests/daemon/scenarios/hostile/test_hostile_files.py::test_fifos_in_the_place_of_our_files_hold_nothing_up
        tests/daemon/scenarios/hostile/test_hostile_files.py::test_record_is_not_written_through_a_link
        tests/daemon/history/test_database.py::test_a_symbolic_link_is_not_followed
        tests/daemon/history/test_database.py::test_a_fifo_is_not_waited_for
        tests/daemon/threads/test_writer_thread.py::test_log_file_never_follows_a_symlink
        tests/daemon/threads/test_writer_thread.py::test_fifo_without_a_reader_fails_at_once
        tests/daemon/scenarios/service/test_service_life.py::test_what_can_be_no_log_is_refused_at_the_start
    requests of other users
        tests/daemon/scenarios/hostile/test_hostile_users.py::test_only_the_group_may_read_status_and_only_root_may_command
        tests/daemon/control/test_server.py::test_sockets_are_closed_to_others
        tests/daemon/control/test_server.py::test_status_socket_takes_no_verb_that_changes_anything
    clients that mean harm
        tests/daemon/scenarios/hostile/test_hostile_users.py::test_hostile_clients_harm_only_themselves
        tests/daemon/scenarios/hostile/test_hostile_users.py::test_storm_of_requests_keeps_no_stream_from_being_mended
        tests/daemon/control/test_server.py::test_nonsense_is_refused_and_the_daemon_goes_on
        tests/daemon/control/test_server.py::test_endless_request_is_refused_and_cut_off
        tests/daemon/control/test_server.py::test_silent_clients_leave_others_answered
        tests/daemon/control/test_server.py::test_client_that_never_reads_is_hung_up_on
        tests/core/api/test_protocol.py::test_any_bytes_are_a_request_or_refused
    the environment of who starts it
        tests/daemon/scenarios/hostile/test_hostile_users.py::test_stream_inherits_nothing_from_the_process_that_started_hammerd
        tests/daemon/process/test_commands.py::test_command_has_no_terminal_and_only_the_environment_given
    the umask of who starts it
        tests/daemon/scenarios/hostile/test_hostile_users.py::test_stream_inherits_nothing_from_the_process_that_started_hammerd
    processes that pretend to be a stream
        tests/daemon/scenarios/endpoints/test_foreign.py::test_command_line_of_a_user_who_cannot_write_to_a_slave_is_ignored
        tests/daemon/scenarios/endpoints/test_obstacles.py::test_foreign_stream_parks_the_pair_and_is_left_alone
    forged records of streams
        tests/daemon/scenarios/hostile/test_hostile_files.py::test_record_that_another_user_could_have_written_is_none
        tests/daemon/foreign/test_orphans.py::test_record_with_the_pid_of_a_foreign_process_is_dropped
        tests/daemon/state/test_spawn_records.py::test_damaged_record_is_ignored_and_reported
    clients of the web server
        tests/web/test_server.py::test_rights_of_root_are_gone
        tests/web/test_server.py::test_rights_of_root_cannot_be_had_again
        tests/web/test_server.py::test_other_names_and_sites_are_refused
        tests/web/test_server.py::test_nothing_can_be_changed
        tests/web/test_server.py::test_no_other_file_is_served
        tests/web/process/test_connections.py::test_silent_client_loses_its_connection
        tests/web/process/test_connections.py::test_client_that_takes_nothing_loses_its_connection
    words of the other host
        test_no_terminal_obeys_what_another_host_prints
        test_words_of_a_command_line_are_made_harmless
        tests/daemon/stream/test_noise.py::test_stream_beside_a_flood_is_restarted_and_the_daemon_answers
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerd.core.config.model import LogFormat, LogLevel
from hammerd.core.config.reader import read_config
from hammerd.core.errors import ConfigError
from hammerd.core.hammer.commands import pfs_status_argv, stream_argv
from hammerd.core.hammer.messages import Complaint, Remark
from hammerd.core.hammer.output_parser import LONGEST_SEGMENT, OutputParser
from hammerd.core.pairs import Gear, Pair
from hammerd.daemon.foreign.slave_writers import LONGEST_COMMAND, SlaveWriter
from hammerd.daemon.logging.setup import LogStyle, make_logger
from tests.config_text import parse_config
from tests.daemon.world import World
from tests.paths import ROOT

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
    documented = re.findall(r"^\.It Sy (.*)$", threats.partition("\n.El")[0], re.MULTILINE)

    assert documented == list(table())
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
    """Return a text as a TOML string."""
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


@given(FORMS, VALUES, st.sampled_from(("master", "slave")))
def test_any_value_is_a_fault_or_one_word_of_a_command(form: str, value: str, key: str) -> None:
    ends = {"master": '"/m"', "slave": '"/s"', key: toml(form.format(value))}
    text = "[pairs.a]\n" + "".join(f"{name} = {end}\n" for name, end in ends.items())
    try:
        (pair,) = parse_config(text, "hostile").pairs
    except ConfigError as error:
        lines = str(error).splitlines()
    else:
        assert_reaches_hammer_whole(pair)
        return

    assert all(line.isprintable() for line in lines)


def assert_reaches_hammer_whole(pair: Pair) -> None:
    """Assert that each endpoint is one whole argument."""

    for gear in Gear:
        *options, verb, master, slave = stream_argv("/sbin/hammer", pair, gear)
        assert verb == "mirror-stream"
        assert options[:2] == ["/sbin/hammer", "-vv"]
        assert all(not word.startswith("-") and word.isprintable() for word in (master, slave))
        for end, word in ((pair.master, master), (pair.slave, slave)):
            assert end.path.startswith("/")
            # Without a colon it is no host; with one hammer cuts it at the same place.
            assert word.partition(":")[2 if end.host.needs_login else 0] == end.path
            if end.host.needs_login:
                assert re.fullmatch(r"(?:[\w.-]+@)?[\w.-]+", end.host.login, re.ASCII)
                assert not re.search(r"[\s\"'`$&;|<>()\[\]{}*?!#~^\\@]", end.path)
    for end in (pair.master, pair.slave):
        argv = pfs_status_argv("/sbin/hammer", [end])
        if end.host.needs_login:
            assert argv[-3:-1] == ("--", end.host.name)
            assert argv[-1].split(" ") == ["hammer", "pfs-status", end.path]
        else:
            assert argv == ("/sbin/hammer", "pfs-status", end.path)


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
    master, slave = world_once.make_pair(name)
    world_once.write("first", "first\n", name)
    world_once.start(world_once.configure({"test": (_escaped(master), _escaped(slave))}))
    before = world_once.wait_until_following()

    assert before["slave"] == str(slave)
    assert not list(world_once.root.rglob("pwned"))
    assert not Path("pwned").exists()
    assert not Path("/pwned").exists()


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


# --- arguments -----------------------------------------------------------------------------------

EVIL = "\x1b[2J\x9b31m\u202e\x07 evil \x7f"


@pytest.mark.parametrize("log_format", LogFormat)
def test_no_terminal_obeys_what_another_host_prints(log_format: LogFormat) -> None:
    lines: list[str] = []
    log = make_logger(lambda line, *_: lines.append(line), LogStyle(log_format, LogLevel.INFO))
    messages = OutputParser().feed(
        f"hammer: {EVIL}\n{EVIL}\n".encode() + b"\xff\x9b\n" + b"x" * 99_999
    )
    texts = [each.text for each in messages if isinstance(each, Complaint | Remark)]
    for text in (*texts, EVIL):
        log.info("pair.complained", text=text)

    assert len(texts) > 3
    assert all(text.isprintable() and len(text) <= LONGEST_SEGMENT for text in texts)
    assert all(line.isprintable() for line in lines)


def test_words_of_a_command_line_are_made_harmless() -> None:
    words = ("hammer", "mirror-stream", f"/m{EVIL}", "/s", "x" * 100_000)
    shown = SlaveWriter(1, 1, 0.0, words, "/s").command

    assert shown.isprintable()
    assert len(shown) == LONGEST_COMMAND
