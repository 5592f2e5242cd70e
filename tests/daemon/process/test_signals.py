"""From the daemon's start on, a stop stops it, and no harmless signal kills it."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest

from hammerd.daemon.process.signals import HARMLESS
from tests.daemon.world import World
from tests.waiting import DEADLINE_S, until

HARMLESS_HERE = [f"SIG{name}" for name in HARMLESS if hasattr(signal, f"SIG{name}")]

NO_MASTER = {"test": ("/no/such/master", "/no/such/slave")}


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_no_harmless_signal_kills_before_the_loop_runs() -> None:
    done = run_python(f"""
        import os, signal
        from hammerd.daemon.process.signals import hold_signals
        hold_signals()
        for name in {HARMLESS_HERE}:
            os.kill(os.getpid(), getattr(signal, name))
        if hasattr(signal, "SIGRTMAX"):
            os.kill(os.getpid(), signal.SIGRTMAX)
        print("alive")
    """)

    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_children_inherit_no_ignored_signal() -> None:
    show = """import signal
print([n.name for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN])"""
    done = run_python(f"""
        import subprocess, sys
        from hammerd.daemon.process.spawn import reset_signals
        from hammerd.daemon.process.signals import hold_signals
        reset_signals()
        hold_signals()
        subprocess.run([sys.executable, "-c", {show!r}])
    """)

    # Python itself ignores these two.
    assert done.stdout == "['SIGPIPE', 'SIGXFSZ']\n", done.stderr


def test_stop_before_the_loop_runs_unwinds_in_order() -> None:
    done = run_python("""
        import os, signal
        from hammerd.daemon.process.signals import hold_signals
        hold_signals()
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            print("unwound")
    """)

    assert (done.returncode, done.stdout) == (0, "unwound\n"), done.stderr


@pytest.mark.parametrize("name", ["SIGHUP", "SIGUSR1", "SIGALRM", "SIGPROF"])
def test_daemon_may_be_signalled_as_soon_as_it_has_a_pid_file(
    world_once: World, name: str
) -> None:
    daemon = world_once.spawn(world_once.configure(NO_MASTER))
    pid_file = world_once.run_dir / "hammerd.pid"

    until(lambda: pid_file.exists() and pid_file.read_text(), "the pid file")
    answers_by = time.monotonic() + DEADLINE_S
    while not world_once.is_answering():
        assert time.monotonic() < answers_by
        daemon.send_signal(getattr(signal, name))

    assert daemon.poll() is None
    assert world_once.stop(daemon) == 0


def test_daemon_may_be_stopped_as_soon_as_it_has_a_pid_file(world_once: World) -> None:
    daemon = world_once.spawn(world_once.configure(NO_MASTER))
    pid_file = world_once.run_dir / "hammerd.pid"
    until(lambda: pid_file.exists() and pid_file.read_text(), "the pid file")

    assert world_once.stop(daemon) == 0

    assert not pid_file.exists()
    assert list(world_once.run_dir.glob("*.sock")) == []


def test_stop_is_not_lost_in_a_storm_and_the_storm_runs_each_reaction_once() -> None:
    done = run_python(f"""
        import asyncio, os, signal
        from hammerd.daemon.process.signals import catch_signals

        async def main():
            logged, is_stopped = [], asyncio.Event()
            log_status = lambda: logged.append("status")
            reactions = {{"TERM": is_stopped.set, "USR2": log_status}}
            catch_signals(asyncio.get_running_loop(), reactions)
            # More bytes than fit into the socket that wakes the loop.
            for _ in range(5000):
                os.kill(os.getpid(), signal.SIGUSR2)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(is_stopped.wait(), {DEADLINE_S})
            os.kill(os.getpid(), signal.SIGUSR2)
            while len(logged) < 2:
                await asyncio.sleep(0)
            print(*logged)

        asyncio.run(main())
        os.kill(os.getpid(), signal.SIGTERM)
    """)

    assert (done.returncode, done.stdout) == (0, "status status\n"), done.stderr
    assert done.stderr == ""
