"""Writes to the master, and measures the time until the slave holds the same files."""

import time
from dataclasses import dataclass

from hammerd.cli.demo import screen
from hammerd.cli.demo.daemon_process import DaemonProcess
from hammerd.cli.demo.fake_root import FakeRoot
from hammerd.cli.demo.trees import Tree, differences, read_tree
from hammerd.cli.demo.tutorial import MASTER, SLAVE
from hammerd.cli.output.failures import CommandFailed

IDLE_S = 1.2
"""Slightly more than the pair's delay and its `healthy_after`."""

WRITES = (
    f"echo 'Hello, mirror.' > {MASTER}/hello",
    f"mkdir {MASTER}/etc; umask 077; echo 'ntpd_enable=YES' > {MASTER}/etc/rc.conf",
    f"chmod 755 {MASTER}/etc/rc.conf; ln -s etc/rc.conf {MASTER}/rc.conf",
    f"echo 'Hello again.' >> {MASTER}/hello; mv {MASTER}/etc {MASTER}/conf; rm {MASTER}/test-file",
)


@dataclass(frozen=True, slots=True)
class MirrorTimer:
    """Measures the time until the slave holds the same files as the master."""

    fake_root: FakeRoot
    daemon: DaemonProcess

    def wait_until_idle(self) -> None:
        """Wait until the stream is in sync and healthy: its next loss is then retried at once."""

        def is_idle() -> bool:
            pair = self.daemon.pair()
            if pair is None:
                return False
            is_following = pair["state"] == "streaming" and pair["gear"] == "following"
            return is_following and pair["phase"] == "idle" and (pair.get("up_s") or 0) > IDLE_S

        self.daemon.wait_until(is_idle, "the stream is at rest")

    def time_write(self, line: str) -> float:
        """Change the master by a shell line, sync, and return the slave's delay in seconds.

        Raises:
            CommandFailed: the slave did not follow.
        """
        self.fake_root.shell(line)
        began_at = time.monotonic()
        self.fake_root.shell("sync")
        self.daemon.wait_until(self._is_equal, "the slave holds what the master holds")
        return time.monotonic() - began_at

    def trees(self) -> tuple[Tree, Tree]:
        """Return the files of master and slave.

        Raises:
            OSError: the slave's snapshot was replaced while it was read.
        """
        return read_tree(self.fake_root.path(MASTER)), read_tree(self.fake_root.path(SLAVE))

    def _is_equal(self) -> bool:
        try:
            return not differences(*self.trees())
        except OSError:
            return False


def follow(timer: MirrorTimer) -> None:
    """Show a few writes to an idle stream, and the time until each is on the slave."""
    screen.show_heading("The slave follows")
    screen.show_text(
        "Each time runs from the word sync to a slave that is equal to the master: the"
    )
    screen.show_text(
        "first step of the flush wakes the stream, which then rests for its delay of 1 s."
    )
    for line in WRITES:
        time.sleep(IDLE_S)
        seconds = timer.time_write(line)
        screen.show_success(f"on the slave after {seconds:.2f} s")
    if timer.fake_root.shell(f"cat {SLAVE}/hello") != "Hello, mirror.\nHello again.\n":
        raise CommandFailed("the slave's file holds something else")
