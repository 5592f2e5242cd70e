"""What differs between the systems that hammerd runs on: one table, each fact with its source.

Only what cannot be tried stands here. Whether a call exists is asked of the os module
(daemon/process/platform.py), and what one process answers is survived whatever it is
(daemon/process/process_table.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Platform:
    """The facts of one system.

    `zombies_keep_groups`: killpg(pgid, 0) succeeds while nothing but zombies is left in a group;
    where it does not, one call tells whether anybody lives there.

    `has_pfs_devices`: a PFS of HAMMER has a device number of its own. Elsewhere file systems of
    HAMMER exist in a simulator only, as directories of one disk.

    `shows_long_commands`: the kernel tells the command line of a process however long it is; where
    it does not, psutil tells no words at all of one that is.

    `starts_are_exact`: the start of a process is kept in microseconds and orders the halves of a
    stream; elsewhere it counts in ticks of 10 ms from a boot time that psutil reads anew.

    `crontabs`: the files that start what root wants at boot.
    """

    zombies_keep_groups: bool
    has_pfs_devices: bool
    shows_long_commands: bool
    starts_are_exact: bool
    crontabs: tuple[str, ...]


DRAGONFLY = Platform(
    zombies_keep_groups=False,  # ESRCH: docs/hammer.md 8.2
    has_pfs_devices=True,  # docs/hammer.md 1.6
    shows_long_commands=False,  # docs/hammer.md 8.3
    starts_are_exact=True,  # fork1(): microtime(); docs/hammer.md 8.1
    crontabs=("/etc/crontab", "/var/cron/tabs/root"),  # cron(8), crontab(1)
)

OTHER = Platform(
    zombies_keep_groups=True,  # seen on Linux 6.1; taken for true where nobody looked
    has_pfs_devices=False,
    shows_long_commands=True,  # proc(5) of Linux
    starts_are_exact=False,  # proc(5) of Linux
    crontabs=("/etc/crontab", "/var/spool/cron/crontabs/root"),  # cron(8) of Debian
)

_PLATFORMS: Mapping[str, Platform] = {"DragonFly": DRAGONFLY}


def platform_of(system: str) -> Platform:
    """Return the facts of a system by its name, as uname(1) says it."""
    return _PLATFORMS.get(system, OTHER)
