"""Writes to the master, and times how the slave follows."""

import time
from dataclasses import dataclass

from hammerd.cli.demo import screen
from hammerd.cli.demo.supervisor import Supervisor
from hammerd.cli.demo.trees import differences, read_tree
from hammerd.cli.demo.tutorial import MASTER, SLAVE
from hammerd.cli.demo.world import World
from hammerd.cli.output.failures import CommandFailed

REST_S = 1.2
"""A little more than the pair's delay and its `healthy_after`."""

WRITES = (
    f"echo 'Hello, mirror.' > {MASTER}/hello",
    f"mkdir {MASTER}/etc; umask 077; echo 'ntpd_enable=YES' > {MASTER}/etc/rc.conf",
    f"chmod 755 {MASTER}/etc/rc.conf; ln -s etc/rc.conf {MASTER}/rc.conf",
    f"echo 'Hello again.' >> {MASTER}/hello; mv {MASTER}/etc {MASTER}/conf; rm {MASTER}/test-file",
)


@dataclass(frozen=True, slots=True)
class Follower:
    """Waits for the slave to hold what the master holds."""

    world: World
    supervisor: Supervisor

    def rest(self) -> None:
        """Wait until the stream is in sync, and old enough for its next loss to be forgiven."""

        def is_at_rest() -> bool:
            pair = self.supervisor.pair()
            if pair is None:
                return False
            is_idle = pair["state"] == "streaming" and pair["phase"] == "idle"
            return is_idle and pair["gear"] == "following" and (pair.get("up_s") or 0) > REST_S

        self.supervisor.wait_until(is_at_rest, "the stream is at rest")

    def write(self, line: str) -> float:
        """Change the master by a shell line, sync, and return how long the slave took, in s.

        Raises:
            CommandFailed: the slave did not follow.
        """
        self.world.shell(line)
        return self.sync()

    def sync(self) -> float:
        """Flush the master, and return how long after the word the slave was equal to it."""
        began_at = time.monotonic()
        self.world.shell("sync")
        self.supervisor.wait_until(self.is_equal, "the slave holds what the master holds")
        return time.monotonic() - began_at

    def is_equal(self) -> bool:
        """Whether master and slave hold the same files now."""
        try:
            master, slave = (read_tree(self.world.path(each)) for each in (MASTER, SLAVE))
        except OSError:
            return False  # the snapshot that was being read is the last one but one by now
        return not differences(master, slave)


def follow(follower: Follower) -> None:
    """Show a few writes, each to a stream at rest, and how soon they are on the slave."""
    screen.heading("The slave follows")
    screen.explain("Each time runs from the word sync to a slave that is equal to the master: the")
    screen.explain(
        "first step of the flush wakes the stream, which then rests for its delay of 1 s."
    )
    for line in WRITES:
        time.sleep(REST_S)
        seconds = follower.write(line)
        screen.proved(f"on the slave after {seconds:.2f} s")
    if follower.world.shell(f"cat {SLAVE}/hello") != "Hello, mirror.\nHello again.\n":
        raise CommandFailed("the slave's file holds something else")
