"""The demo from beginning to end."""

from collections.abc import Sequence
from pathlib import Path

from hammerd.cli.demo import screen
from hammerd.cli.demo.deaths import (
    DEATHS,
    Death,
    Recovery,
    kill_and_watch,
    relieved,
)
from hammerd.cli.demo.following import Follower, follow
from hammerd.cli.demo.streams import Witness, end_processes_below, processes_below
from hammerd.cli.demo.supervisor import CONFIG, Supervisor
from hammerd.cli.demo.trees import describe, differences, digest, read_tree
from hammerd.cli.demo.tutorial import MASTER, SLAVE, make_pair, write_config
from hammerd.cli.demo.world import World
from hammerd.cli.output.failures import CommandFailed

SLOW_READ_MS = 250
BULK_BLOCKS = 96  # of 64 KiB


class Story:
    """One run of the demo below a root."""

    def __init__(self, root: Path) -> None:
        self.world = World(root)
        self.witness = Witness(self.world.hammer)
        self.supervisor = Supervisor(self.world, self.witness)
        self.follower = Follower(self.world, self.supervisor)

    def tell(self) -> None:
        """Run everything, in order.

        Raises:
            CommandFailed: something did not go as hammerd promises.
        """
        self._introduce()
        make_pair(self.world)
        write_config(self.world)
        self._start()
        follow(self.follower)
        _announce_deaths()
        recoveries = [self._die(death) for death in DEATHS]
        recoveries.append(self._die_as_daemon())
        self._stop()
        self._prove()
        _sum_up(recoveries, self.witness.looks)

    def clean_up(self) -> None:
        """End what may still run, whatever happened."""
        self.supervisor.abandon()
        end_processes_below(self.world.root)

    def _introduce(self) -> None:
        screen.heading("Two file systems")
        screen.explain(
            "/Backup1 and /Backup2 are HAMMER file systems, /sbin/hammer is a simulator"
        )
        screen.explain("of the real one; hammerd is the real daemon, and no clock is sped up.")
        screen.explain(
            "A flush publishes in steps over some tenths of a second, as a kernel's does."
        )
        screen.explain(f"All of it lives below {self.world.root}; of the paths")
        screen.explain("that are shown from here on, that much is cut off.")
        self.world.build()

    def _start(self) -> None:
        self.supervisor.start()
        self.supervisor.listen_until(
            lambda line: line.event == "pair.streaming" and "gear=following" in line.text,
            "the pair follows",
        )
        self.follower.rest()
        self._show_status()

    def _show_status(self) -> None:
        self.world.shell(f"hammerd status -c {CONFIG}")

    def _die(self, death: Death) -> Recovery:
        screen.heading(f"Death of the {death.title}")
        self.follower.rest()
        if death.is_busy:
            self._begin_copying()
        recovery = kill_and_watch(death, self.supervisor, self.witness)
        self._check(recovery)
        return recovery

    def _begin_copying(self) -> None:
        screen.explain(f"(The disk is made slow: {SLOW_READ_MS} ms for 512 KiB.)")
        self.world.slow_down(SLOW_READ_MS)
        bulk = f"dd if=/dev/urandom of={MASTER}/bulk bs=64k count={BULK_BLOCKS} 2>/dev/null"
        self.world.shell(bulk)
        self.world.shell("sync")
        self.supervisor.wait_until(self._is_copying, "the stream copies")

    def _is_copying(self) -> bool:
        pair = self.supervisor.pair()
        return pair is not None and pair["phase"] == "copying" and bool(pair["slice_bytes"])

    def _check(self, recovery: Recovery) -> None:
        screen.proved(
            f"streams again after {recovery.times.total_s * 1000:.0f} ms, one stream, no orphan"
        )
        self.world.slow_down(None)
        seconds = self.follower.write(f"date >> {MASTER}/diary")
        screen.proved(f"on the slave after {seconds:.2f} s")
        if recovery.alone:
            screen.explain(f"   hammer alone (recorded, not measured here): {recovery.alone}")

    def _die_as_daemon(self) -> Recovery:
        screen.heading("Death of hammerd itself")
        self.follower.rest()
        old = self.witness.the_one()
        self.supervisor.kill()
        if self.witness.the_one() != old:
            raise CommandFailed("the stream did not outlive hammerd")
        screen.proved("its stream goes on without it; the next hammerd ends that one first")
        started_time = self.supervisor.start()
        times = relieved(old, started_time, self.supervisor, self.witness)
        recovery = Recovery("hammerd, from its start", times, alone="")
        self._check(recovery)
        return recovery

    def _stop(self) -> None:
        screen.heading("The end of hammerd")
        self.follower.rest()
        self._show_status()
        status = self.supervisor.stop()
        for line in self.supervisor.new_lines():
            screen.logged(line.text)
        left = processes_below(self.world.root)
        if status != 0 or left:
            raise CommandFailed(f"hammerd ended with {status} and left {left or 'nothing'}")
        screen.proved("it ended with status 0 and left no process")

    def _prove(self) -> None:
        screen.heading("The proof: master and slave hold the same files")
        master, slave = (read_tree(self.world.path(each)) for each in (MASTER, SLAVE))
        for shown, tree in ((MASTER, master), (SLAVE, slave)):
            screen.explain(f"{shown}  {describe(tree)}")
            screen.explain(f"{'':{len(shown)}}  sha256 {digest(tree)}")
        wrong = differences(master, slave)
        if wrong:
            raise CommandFailed("master and slave differ:\n  " + "\n  ".join(wrong))
        screen.proved("names, types, modes, contents and link targets are the same")


def _announce_deaths() -> None:
    screen.explain("")
    screen.explain(
        "Now for the deaths. A new stream that starts in sync rests for its delay (1 s)"
    )
    screen.explain("before it listens: a write right after a death waits for up to twice that.")


def _sum_up(recoveries: Sequence[Recovery], looks: int) -> None:
    screen.heading("From a death to the new stream's first line")
    screen.explain("What follows the + is the simulator's hammer, a Python program, as it starts.")
    screen.explain(f"{'killed':<22} {'hammerd':>14}   hammer alone, delay 5 s (recorded)")
    for each in recoveries:
        own_ms, start_ms = round(each.times.own_s * 1000), round(each.times.launch_s * 1000)
        times = f"{own_ms} + {start_ms} ms"
        screen.explain(f"{each.title:<22} {times:>14}   {each.alone or '-'}")
    screen.proved(f"never two writers on the slave, in {looks} looks at the process table")
