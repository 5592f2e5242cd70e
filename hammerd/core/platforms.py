"""Lists the differences between the systems that hammerd runs on, each fact with its source.

Only facts that cannot be tested at run time are listed here. daemon/process/ tests which calls
the os and select modules have, and accepts any values of a process.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Platform:
    """The facts of one system.

    `zombies_keep_groups`: killpg(pgid, 0) succeeds while only zombies are left in a group. If it
    fails then, one call shows whether a group has living processes.

    `has_pfs_devices`: each PFS of HAMMER has its own device number. On other systems the file
    systems of HAMMER are simulated, as directories of one disk.

    `shows_long_commands`: the kernel returns the command line of a process whatever its length.
    Else psutil returns no words at all for a long one.

    `starts_are_exact`: the start of a process is known in microseconds, which orders the halves
    of a stream. Else it is in ticks of 10 ms since a boot time that psutil reads again each time.

    `crontabs`: the files with root's jobs, among them those at boot.
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
    zombies_keep_groups=True,  # observed on Linux 6.1; assumed for untested systems
    has_pfs_devices=False,
    shows_long_commands=True,  # proc(5) of Linux
    starts_are_exact=False,  # proc(5) of Linux
    crontabs=("/etc/crontab", "/var/spool/cron/crontabs/root"),  # cron(8) of Debian
)


def platform_of(system: str) -> Platform:
    """Return the facts of a system by its name in uname(1)."""
    return DRAGONFLY if system == "DragonFly" else OTHER
