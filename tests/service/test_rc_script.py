"""Every verb of the rc.d script, in every state of the service."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from hammerd.core.config.model import DaemonConfig
from hammerd.core.config.warnings import LONGEST_STOP_S
from hammerd.daemon import run
from tests.daemon.world import living_pids
from tests.service.service import FAULTS, ROOT, Service, ends, has_ended
from tests.waiting import DEADLINE_S

RCSHUTDOWN_TIMEOUT_S = 30.0
"""The time that DragonFly grants all services together at a shutdown."""

RC_POLL_S = 2.0

SHOW_WORDS = "print(*words)\nsys.exit(0)"


# --- start -------------------------------------------------------------------------------------


def test_start_after_a_boot_makes_run_dir_and_sends_nothing_to_syslog(service: Service) -> None:
    assert not service.world.run_dir.exists()

    assert service.does("start") == "Starting hammerd.\n"

    assert service.world.is_answering()
    assert service.world.run_dir.stat().st_mode & 0o777 == 0o755
    assert service.does("status") == f"hammerd is running as pid {service.pid()}.\n"
    assert not service.syslog.exists()


def test_daemon_is_found_though_ps_cuts_its_lines(service: Service) -> None:
    service.columns = 40
    service.does("start")
    pid = service.pid()

    assert service.does("status") == f"hammerd is running as pid {pid}.\n"
    service.does("stop")

    assert has_ended(pid)


def test_second_start_is_refused_and_changes_nothing(started: Service) -> None:
    pid = started.pid()

    assert started.fails("start") == f"hammerd already running? (pid={pid}).\n"

    assert (started.pid(), started.world.is_answering()) == (pid, True)
    # Without the check of the script, hammerd itself refuses.
    assert f"already running as pid {pid}" in started.fails("faststart")
    assert (started.pid(), started.world.is_answering()) == (pid, True)


def test_start_with_a_bad_config_prints_every_fault(service: Service) -> None:
    service.break_config()

    output = service.fails("start")

    assert all(fault in output for fault in FAULTS)
    assert "Starting" not in output
    assert not service.world.run_dir.exists()


def test_start_without_a_config_names_it(service: Service) -> None:
    service.config.unlink()

    assert f"cannot read {service.config}" in service.fails("start")


def test_start_prints_why_the_daemon_failed(service: Service) -> None:
    (service.world.root / "log/hammerd.log").mkdir(parents=True)

    output = service.fails("start")

    assert "daemon.log_file" in output
    assert "hint:" in output
    assert not service.pidfile.exists()
    assert living_pids(str(service.config)) == set()
    assert service.fails("status") == "hammerd is not running.\n"


def test_start_needs_a_program(service: Service) -> None:
    service.program.unlink()

    assert f"{service.program} cannot be run" in service.fails("start")


@pytest.mark.parametrize("first_line", ["#!/usr/bin/env python3", "#!/bin/sh", "x = 1"])
def test_start_refuses_a_program_without_a_python_interpreter(
    service: Service, first_line: str
) -> None:
    service.install(f"{first_line}\n")

    output = service.fails("start")

    assert "is no Python" in output
    assert "pkg or pip" in output


def test_flags_environment_and_nice_reach_the_daemon(service: Service) -> None:
    service.knobs |= {
        "hammerd_flags": "--more 'two words'",
        "hammerd_env": "COLOUR=blue",
        "hammerd_nice": "3",
    }
    service.install_stand_in(f"print(words, os.environ.get('COLOUR'), os.nice(0))\n{SHOW_WORDS}")

    output = service.does("start")

    words = ["run", "--detach", "-c", str(service.config), "--more", "two words"]
    assert f"{words} blue {os.nice(0) + 3}\n" in output


def test_start_warns_of_a_run_dir_that_it_cannot_read(service: Service) -> None:
    config = service.config.read_text()
    service.config.write_text(config.replace("run_dir =", '"run_dir" ='))
    service.install_stand_in(SHOW_WORDS)

    assert "`stop' will not find it" in service.does("start")


@pytest.mark.parametrize(
    "line", ["run_dir = '{}'", '  run_dir="{}" # "here"', '\trun_dir\t= "{}"']
)
def test_run_dir_is_read_however_it_is_written(service: Service, line: str) -> None:
    run_dir = service.world.run_dir
    service.config.write_text(f'# run_dir = "/x"\n[daemon]\n{line.format(run_dir)}\n')

    assert f"(check {service.pidfile})" in service.fails("stop")


# --- stop --------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [None, signal.SIGSTOP])
def test_stop_ends_every_stream_before_it_returns(
    mirroring: Service, before: signal.Signals | None
) -> None:
    world = mirroring.world
    pid, now = mirroring.pid(), world.status()
    streams = {now["pid"], *now["half_pids"]}
    assert len(streams) == 3
    if before is not None:
        for stream in streams:
            os.kill(stream, before)

    output = mirroring.does("stop")

    assert output.startswith("Stopping hammerd.\n")
    assert all(has_ended(each) for each in (pid, *streams))
    assert living_pids(str(world.hammer)) == set()
    assert not mirroring.pidfile.exists()


def test_stop_of_all_streams_fits_into_the_time_of_a_shutdown() -> None:
    """`hammerd check` warns of a config that needs more time."""
    after_s = run.CALLS_CLOSE_S + 2 * run.WRITER_CLOSE_S + RC_POLL_S

    assert DaemonConfig().stop_timeout_s <= LONGEST_STOP_S
    assert LONGEST_STOP_S + after_s <= RCSHUTDOWN_TIMEOUT_S


def test_stop_of_a_stopped_service_prints_the_pid_file(service: Service) -> None:
    assert service.fails("stop") == f"hammerd not running? (check {service.pidfile}).\n"


def test_stop_needs_no_good_config(started: Service) -> None:
    pid = started.pid()
    started.break_config()

    started.does("stop")

    assert has_ended(pid)


# --- restart and reload ------------------------------------------------------------------------


def test_restart_stops_and_starts(started: Service) -> None:
    pid = started.pid()

    output = started.does("restart")

    assert output.index("Stopping hammerd.") < output.index("Starting hammerd.")
    assert has_ended(pid)
    assert started.world.is_answering()
    assert started.pid() != pid


def test_restart_of_a_stopped_service_starts(service: Service) -> None:
    output = service.does("restart")

    assert "not running?" in output
    assert service.world.is_answering()


def test_restart_with_a_bad_config_stops_nothing(mirroring: Service) -> None:
    pid, stream = mirroring.pid(), mirroring.world.status()["pid"]
    mirroring.break_config()

    output = mirroring.fails("restart")

    assert all(fault in output for fault in FAULTS)
    assert "Stopping" not in output
    assert mirroring.pid() == pid
    assert mirroring.world.status()["pid"] == stream


def test_reload_with_a_bad_config_leaves_the_daemon_alone(started: Service) -> None:
    pid = started.pid()
    started.break_config()

    output = started.fails("reload")

    assert all(fault in output for fault in FAULTS)
    assert "Reloading" not in output
    assert (started.pid(), started.world.is_answering()) == (pid, True)


def test_reload_takes_over_a_changed_config(mirroring: Service) -> None:
    pid, stream = mirroring.pid(), mirroring.world.status()["pid"]
    more = '[pairs.more]\nmaster = "/no/such/master2"\nslave = "/no/such/slave2"\n'
    mirroring.config.write_text(mirroring.config.read_text() + more)

    output = mirroring.does("reload")

    assert output.startswith("Reloading hammerd config files.\n")
    assert "more" in output
    assert mirroring.world.status("more")["pair"] == "more"
    assert mirroring.pid() == pid
    assert mirroring.world.status()["pid"] == stream


def test_reload_fails_when_only_the_daemon_finds_the_fault(started: Service) -> None:
    log = started.world.root / "log/hammerd.log"
    other = started.world.root / "log/other.log"
    other.mkdir()
    started.config.write_text(started.config.read_text().replace(str(log), str(other)))

    output = started.fails("reload")

    assert str(other) in output
    assert started.world.is_answering()


def change_run_dir(service: Service) -> None:
    run_dir, config = str(service.world.run_dir), service.config.read_text()
    service.config.write_text(config.replace(f'"{run_dir}"', f'"{run_dir}2"'))


def test_changed_run_dir_starts_no_second_hammerd(started: Service) -> None:
    pid = started.pid()
    change_run_dir(started)

    output = started.fails("faststart")

    assert f"already running as pid {pid}" in output
    assert f"kill {pid}" in output
    assert {pid} == living_pids(f"run --detach -c {started.config}")
    assert started.does("status") == f"hammerd is running as pid {pid}.\n"


def test_restart_moves_run_dir(started: Service) -> None:
    pid, run_dir = started.pid(), started.world.run_dir
    change_run_dir(started)

    started.does("restart")

    assert has_ended(pid)
    assert int(Path(f"{run_dir}2/hammerd.pid").read_text()) != pid
    assert not started.pidfile.exists()


def test_stop_finds_a_daemon_whose_run_dir_was_deleted(started: Service) -> None:
    pid = started.pid()
    shutil.rmtree(started.world.run_dir)

    assert started.does("status") == f"hammerd is running as pid {pid}.\n"
    started.does("stop")

    assert has_ended(pid)


def test_restart_with_bad_flags_stops_nothing(started: Service) -> None:
    pid = started.pid()
    for flags in ("--no-such-option", "'/another/config'", "-c", "--check=no"):
        started.knobs["hammerd_flags"] = flags

        output = started.fails("restart")

        assert "Stopping" not in output, flags
        assert "Error: " in output, flags
        assert (started.pid(), started.world.is_answering()) == (pid, True), flags


def test_reason_of_a_failed_start_is_sent_to_syslog_too(service: Service) -> None:
    service.break_config()
    service.fails("start")

    lines = service.syslog.read_text()

    assert lines.startswith("-t hammerd -p daemon.err\n")
    assert all(fault in lines for fault in FAULTS)


def test_fault_that_only_the_daemon_finds_is_sent_to_syslog_too(service: Service) -> None:
    (service.world.root / "log/hammerd.log").mkdir(parents=True)

    assert "daemon.log_file" in service.fails("start")

    assert "hammerd did not start" in service.syslog.read_text()


def test_reload_of_a_stopped_service_prints_the_pid_file(service: Service) -> None:
    assert service.fails("reload") == f"hammerd not running? (check {service.pidfile}).\n"


# --- pid files that lie ------------------------------------------------------------------------


def write_pid(service: Service, pid: int) -> None:
    service.pidfile.parent.mkdir()
    service.pidfile.write_text(f"{pid}\n")


def test_pid_file_of_a_dead_process_means_stopped(service: Service) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    write_pid(service, dead.pid)

    assert service.fails("status") == "hammerd is not running.\n"
    service.does("start")

    assert service.pid() != dead.pid
    assert service.world.is_answering()


def test_process_of_another_program_is_not_hammerd(service: Service) -> None:
    write_pid(service, os.getpid())

    assert service.fails("status") == "hammerd is not running.\n"
    assert "not running?" in service.fails("stop")
    service.does("start")

    assert service.pid() != os.getpid()
    assert service.world.is_answering()


def test_daemon_that_was_killed_is_not_running_and_starts_again(mirroring: Service) -> None:
    world, pid = mirroring.world, mirroring.pid()
    before = world.status()
    os.kill(pid, signal.SIGKILL)
    ends(pid)

    assert mirroring.fails("status") == "hammerd is not running.\n"
    mirroring.does("start")

    after = world.wait_until_following()
    orphans = {before["pid"], *before["half_pids"]}
    assert all(has_ended(orphan) for orphan in orphans)
    assert not orphans & {after["pid"], *after["half_pids"]}
    assert mirroring.pid() != pid


# --- whether it is enabled ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "verb",
    ["start", "stop", "restart", "reload", "status", "poll", "configtest", "pairs", "lag"],
)
def test_not_enabled_every_verb_does_nothing_and_succeeds(service: Service, verb: str) -> None:
    service.knobs["hammerd_enable"] = "NO"
    service.break_config()

    assert service.does(verb) == ""

    assert not service.world.run_dir.exists()


def test_service_is_disabled_by_default(service: Service) -> None:
    del service.knobs["hammerd_enable"]

    assert service.does("start") == ""
    assert service.does("rcvar") == "# hammerd\n$hammerd_enable=NO\n"


def test_old_style_of_dragonfly_enables_it_too(service: Service) -> None:
    del service.knobs["hammerd_enable"]
    service.knobs["hammerd"] = "YES"

    assert service.does("rcvar") == "# hammerd\n$hammerd_enable=YES\n"


@pytest.mark.parametrize("prefix", ["one", "force"])
def test_starts_and_stops_once_though_not_enabled(service: Service, prefix: str) -> None:
    service.knobs["hammerd_enable"] = "NO"

    assert service.does(f"{prefix}start") == "Starting hammerd.\n"
    pid = service.pid()

    assert service.does("status") == ""
    assert service.does(f"{prefix}status") == f"hammerd is running as pid {pid}.\n"
    service.does(f"{prefix}restart")
    service.does(f"{prefix}stop")
    assert has_ended(pid)
    assert not service.pidfile.exists()


def test_quiet_start_starts(service: Service) -> None:
    service.does("quietstart")

    assert service.world.is_answering()


# --- the other verbs ---------------------------------------------------------------------------


def test_poll_waits_for_the_exit(started: Service) -> None:
    pid = started.pid()
    poll = subprocess.Popen(
        started.argv("poll"), env=started.env(), stdout=subprocess.PIPE, text=True
    )
    assert poll.stdout is not None
    assert poll.stdout.read(8) == "Waiting "

    os.kill(pid, signal.SIGTERM)
    output, _ = poll.communicate(timeout=DEADLINE_S)

    assert poll.returncode == 0
    assert output.endswith(".\n")
    assert has_ended(pid)


def test_configtest_prints_the_faults(service: Service) -> None:
    assert "1 pair, no faults" in service.does("configtest")
    service.break_config()

    output = service.fails("configtest")

    assert all(fault in output for fault in FAULTS)


def test_pairs_prints_the_status_whatever_the_config_is_now(started: Service) -> None:
    output = started.does("pairs")

    assert f"(pid {started.pid()})" in output
    assert "test" in output

    started.break_config()

    assert f"(pid {started.pid()})" in started.does("pairs")


def test_pairs_fails_when_no_daemon_answers(service: Service) -> None:
    assert str(service.world.run_dir) in service.fails("pairs")


@pytest.mark.parametrize(("verb", "command"), [("lag", "lag"), ("pairs", "status")])
def test_commands_use_the_run_dir_of_the_daemon(service: Service, verb: str, command: str) -> None:
    service.install_stand_in(SHOW_WORDS)

    output = service.does(verb)

    run_dir = service.world.run_dir
    assert output == f"-c {service.config} --run-dir {run_dir} {command}\n"


@pytest.mark.parametrize("verb", ["start", "restart", "reload", "configtest", "pairs", "lag"])
def test_no_status_of_hammerd_is_one_that_rc_subr_interprets(service: Service, verb: str) -> None:
    for status in (2, 3, 4, 5, 78):
        service.install_stand_in(f"sys.exit({status})")

        service.fails(verb)


def test_unknown_verb_prints_the_known_ones(service: Service) -> None:
    output = service.fails("dance")

    verbs = "start|stop|restart|rcvar|reload|configtest|pairs|lag|status|poll"
    assert f"({verbs})" in output


# --- the terminal ------------------------------------------------------------------------------

ON_A_TERMINAL = """
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""


def test_daemon_keeps_no_fd_and_no_terminal_of_its_caller(service: Service) -> None:
    """pty.spawn() returns when no process has the terminal open any more."""
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", ON_A_TERMINAL, *service.argv("start")],
            env=service.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=(writing,),
            timeout=DEADLINE_S,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stdout) == (0, b"Starting hammerd.\r\n")
    assert os.read(reading, 1) == b"", "nobody writes to the pipe any more"
    os.close(reading)
    daemon = psutil.Process(service.pid())
    assert daemon.terminal() is None
    assert daemon.cwd() == "/"
    assert os.getsid(daemon.pid) != os.getsid(0)
    assert service.world.is_answering()


# --- the file ----------------------------------------------------------------------------------


def test_rcorder_finds_the_requirements() -> None:
    lines = (ROOT / "rc.d/hammerd").read_text().splitlines()

    at = lines.index("# PROVIDE: hammerd")

    assert lines[0] == "#!/bin/sh"
    assert lines[at + 1 : at + 3] == ["# REQUIRE: LOGIN", "# KEYWORD: shutdown"]
    assert all(line.startswith("#") for line in lines[:at])
