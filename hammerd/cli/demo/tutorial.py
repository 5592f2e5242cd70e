"""The tutorial's steps: master, slave and first copy; then hammerd's config."""

import grp
import os
import re

from hammerd.cli.demo import screen
from hammerd.cli.demo.daemon_process import CONFIG
from hammerd.cli.demo.fake_root import FakeRoot
from hammerd.cli.output.failures import CommandFailed

MASTER = "/Backup1/test"
SLAVE = "/Backup2/test"

_CONFIG = """\
[daemon]
hammer = "/sbin/hammer"
log_file = "/var/log/hammerd/hammerd.log"
lag_log_file = "/var/log/hammerd/lag.log"
state_dir = "/var/db/hammerd"
run_dir = "/var/run/hammerd"
sample_interval = "5s"
{group}
[defaults]
delay = "1s"
flush_every = "10s"
healthy_after = "1s"    # so short that the demo may kill again at once; else 60s

[pairs.test]
master = "/Backup1/test"
slave = "/Backup2/test"
"""


def make_pair(fake_root: FakeRoot) -> None:
    """Create master and slave with the tutorial's commands, and mirror once.

    Raises:
        CommandFailed: a command failed, or the slave did not get the file.
    """
    screen.show_heading("The master PFS on disk 1")
    fake_root.shell("mkdir /Backup1/pfs")
    created = fake_root.shell("hammer pfs-master /Backup1/pfs/test")
    fake_root.shell("mkdir /Backup1/test")
    fake_root.shell("mount_null /Backup1/pfs/test /Backup1/test")

    screen.show_heading("The slave PFS on disk 2")
    fake_root.shell("mkdir /Backup2/pfs")
    fake_root.shell(f"hammer pfs-slave /Backup2/pfs/test shared-uuid={_shared_uuid(created)}")
    fake_root.shell("ln -s /Backup2/pfs/test /Backup2/test")

    screen.show_heading("The first copy")
    fake_root.shell("touch /Backup1/test/test-file")
    fake_root.shell("ls /Backup1/test/")
    screen.show_text(
        "(The tutorial says sync here. What a sync flushed is published by the flush after"
    )
    screen.show_text("it, and a copy made before that shows nothing; synctid waits for both.)")
    fake_root.shell("hammer synctid /Backup1")
    fake_root.shell("hammer mirror-copy /Backup1/test /Backup2/pfs/test")
    if fake_root.shell("ls /Backup2/test/") != "test-file\n":
        raise CommandFailed("the first copy did not bring test-file to the slave")


def write_config(fake_root: FakeRoot) -> None:
    """Write hammerd's config in place of the tutorial's line in the crontab, and check it."""
    screen.show_heading("Continuous mirroring: hammerd in place of the crontab line")
    screen.show_text(
        'The tutorial ends with "@reboot root hammer mirror-stream /Backup1/test ...".'
    )
    fake_root.write(CONFIG, _CONFIG.format(group=_group_line()))
    fake_root.shell(f"hammerd check {CONFIG}")
    screen.show_text("The lines below that are set in are read from hammerd's log,")
    screen.show_text("/var/log/hammerd/hammerd.log: to the terminal hammerd run prints nothing.")


def _shared_uuid(created: str) -> str:
    found = re.search(r"shared-uuid=(\S+)", created)
    if found is None:
        raise CommandFailed("hammer pfs-master told no shared-uuid")
    return found[1]


def _group_line() -> str:
    """Return the config line with our own group: wheel may be missing, or not ours."""
    try:
        return f'status_group = "{grp.getgrgid(os.getegid()).gr_name}"\n'
    except KeyError:
        return ""
