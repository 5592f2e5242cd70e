"""Builds the argv and environment of every hammer call; no other module does.

Options that are never used (docs/hammer.md 3.1): -t hangs for ever, -i 0 spins, -y re-creates a
destroyed slave. Options precede the verb, because hammer's getopt stops there.
"""

from collections.abc import Mapping, Sequence

from hammerd.core.pairs import Endpoint, Gear, Pair

SEARCH_PATH = "/sbin:/usr/sbin:/bin:/usr/bin:/usr/local/sbin:/usr/local/bin"
"""The PATH in which hammer finds ssh; fixed, so that it does not depend on the daemon's own."""


def stream_argv(hammer: str, pair: Pair, gear: Gear) -> tuple[str, ...]:
    """Build the argv of a pair's mirror-stream.

    It always has -vv, because hammerd observes a stream by its stderr. Bulk gear has a restart
    point after each split size; following gear has -B, which excludes restart points
    (docs/hammer.md 3.1, 5.6), and its own delay.
    """
    options = pair.options
    delay_s, mode = options.delay_s, ["-S", str(options.split_bytes)]
    if gear is Gear.FOLLOWING:
        delay_s, mode = options.following_delay_s, ["-B"]
    argv = [hammer, "-vv", "-i", str(delay_s)]
    if options.bandwidth_bytes is not None:
        argv += ["-b", str(options.bandwidth_bytes)]
    return (*argv, *mode, "mirror-stream", str(pair.master), str(pair.slave))


def pfs_status_argv(hammer: str, endpoints: Sequence[Endpoint]) -> tuple[str, ...]:
    """Build the argv that prints the status of PFSs on this machine, in this order."""
    return (hammer, "pfs-status", *(each.path for each in endpoints))


def synctid_argv(hammer: str, path: str) -> tuple[str, ...]:
    """Build the argv that flushes the file system of a path on this machine.

    See docs/hammer.md 3.5.
    """
    return (hammer, "synctid", path)


def environment(home: str) -> Mapping[str, str]:
    """Build the whole environment of a hammer process; it inherits nothing of the daemon's."""
    return {"PATH": SEARCH_PATH, "HOME": home, "LC_ALL": "C"}
