"""Runs all steps of the demo in order."""

from collections.abc import Sequence
from pathlib import Path

from hammerd.cli.demo import deaths, screen
from hammerd.cli.demo.daemon_process import CONFIG, DaemonProcess
from hammerd.cli.demo.fake_root import FakeRoot
from hammerd.cli.demo.following import MirrorTimer, follow
from hammerd.cli.demo.streams import StreamScanner, end_processes_below, processes_below
from hammerd.cli.demo.trees import describe, differences, digest
from hammerd.cli.demo.tutorial import MASTER, SLAVE, make_pair, write_config
from hammerd.cli.output.failures import CommandFailed

SLOW_READ_MS = 250
BULK_BLOCKS = 96  # of 64 KiB


class DemoSequence:
    """A run of the demo below a root directory."""

    def __init__(self, root: Path) -> None:
        self.fake_root = FakeRoot(root)
        self.scanner = StreamScanner(self.fake_root.hammer)
        self.daemon = DaemonProcess(self.fake_root, self.scanner)
        self.timer = MirrorTimer(self.fake_root, self.daemon)

    def run(self) -> None:
        """Run all steps.

        Raises:
            CommandFailed: a step did not have the result that hammerd promises.
        """
        self._introduce()
        make_pair(self.fake_root)
        write_config(self.fake_root)
        self._start()
        follow(self.timer)
        _announce_deaths()
        recoveries = [self._kill_part(death) for death in deaths.DEATHS]
        recoveries.append(self._kill_daemon())
        self._stop()
        self._compare_trees()
        _sum_up(recoveries, self.scanner.scan_count)

    def clean_up(self) -> None:
        """End all processes that may still run."""
        self.daemon.force_stop()
        end_processes_below(self.fake_root.root)

    def _introduce(self) -> None:
        screen.show_heading("Two file systems")
        screen.show_text(
            "/Backup1 and /Backup2 are HAMMER file systems, /sbin/hammer is a simulator"
        )
        screen.show_text("of the real one; hammerd is the real daemon, and no clock is sped up.")
        screen.show_text(
            "A flush publishes in steps over some tenths of a second, as a kernel's does."
        )
        screen.show_text(f"All of it lives below {self.fake_root.root}; of the paths")
        screen.show_text("that are shown from here on, that much is cut off.")
        self.fake_root.build()

    def _start(self) -> None:
        self.daemon.start()
        self.daemon.read_log_until(
            lambda line: line.event == "pair.streaming" and "gear=following" in line.text,
            "the pair follows",
        )
        self.timer.wait_until_idle()
        self._show_status()

    def _show_status(self) -> None:
        self.fake_root.shell(f"hammerd status -c {CONFIG}")

    def _kill_part(self, death: deaths.Death) -> deaths.Recovery:
        screen.show_heading(f"Death of the {death.title}")
        self.timer.wait_until_idle()
        if death.is_busy:
            self._begin_copying()
        recovery = deaths.kill_and_measure(death, self.daemon, self.scanner)
        self._check(recovery)
        return recovery

    def _begin_copying(self) -> None:
        screen.show_text(f"(The disk is made slow: {SLOW_READ_MS} ms for 512 KiB.)")
        self.fake_root.slow_down(SLOW_READ_MS)
        bulk = f"dd if=/dev/urandom of={MASTER}/bulk bs=64k count={BULK_BLOCKS} 2>/dev/null"
        self.fake_root.shell(bulk)
        self.fake_root.shell("sync")
        self.daemon.wait_until(self._is_copying, "the stream copies")

    def _is_copying(self) -> bool:
        pair = self.daemon.pair()
        return pair is not None and pair["phase"] == "copying" and bool(pair["slice_bytes"])

    def _check(self, recovery: deaths.Recovery) -> None:
        ms = (recovery.own_s + recovery.launch_s) * 1000
        screen.show_success(f"streams again after {ms:.0f} ms, one stream, no orphan")
        self.fake_root.slow_down(None)
        seconds = self.timer.time_write(f"date >> {MASTER}/diary")
        screen.show_success(f"on the slave after {seconds:.2f} s")
        if recovery.alone:
            screen.show_text(f"   hammer alone (recorded, not measured here): {recovery.alone}")

    def _kill_daemon(self) -> deaths.Recovery:
        screen.show_heading("Death of hammerd itself")
        self.timer.wait_until_idle()
        old = self.scanner.whole_stream()
        self.daemon.kill()
        if self.scanner.whole_stream().pids != old.pids:
            raise CommandFailed("the stream did not outlive hammerd")
        screen.show_success("its stream goes on without it; the next hammerd ends that one first")
        started_time = self.daemon.start()
        own_s, launch_s = deaths.wait_for_successor(old, started_time, self.daemon, self.scanner)
        recovery = deaths.Recovery("hammerd, from its start", "", own_s, launch_s)
        self._check(recovery)
        return recovery

    def _stop(self) -> None:
        screen.show_heading("The end of hammerd")
        self.timer.wait_until_idle()
        self._show_status()
        status = self.daemon.stop()
        for line in self.daemon.new_lines():
            screen.show_log_line(line.text)
        left = processes_below(self.fake_root.root)
        if status != 0 or left:
            raise CommandFailed(f"hammerd ended with {status} and left {left or 'nothing'}")
        screen.show_success("it ended with status 0 and left no process")

    def _compare_trees(self) -> None:
        screen.show_heading("The proof: master and slave hold the same files")
        master, slave = self.timer.trees()
        for shown, tree in ((MASTER, master), (SLAVE, slave)):
            screen.show_text(f"{shown}  {describe(tree)}")
            screen.show_text(f"{'':{len(shown)}}  sha256 {digest(tree)}")
        wrong = differences(master, slave)
        if wrong:
            raise CommandFailed("master and slave differ:\n  " + "\n  ".join(wrong))
        screen.show_success("names, types, modes, contents and link targets are the same")


def _announce_deaths() -> None:
    screen.show_text("")
    screen.show_text(
        "Now for the deaths. A new stream that starts in sync rests for its delay (1 s)"
    )
    screen.show_text("before it listens: a write right after a death waits for up to twice that.")


def _sum_up(recoveries: Sequence[deaths.Recovery], scans: int) -> None:
    screen.show_heading("From a death to the new stream's first line")
    screen.show_text(
        "What follows the + is the simulator's hammer, a Python program, as it starts."
    )
    screen.show_text(f"{'killed':<22} {'hammerd':>14}   hammer alone, delay 5 s (recorded)")
    for each in recoveries:
        times = f"{each.own_s * 1000:.0f} + {each.launch_s * 1000:.0f} ms"
        screen.show_text(f"{each.title:<22} {times:>14}   {each.alone or '-'}")
    screen.show_success(f"never two writers on the slave, in {scans} looks at the process table")
