"""Builds the argv and environment of every hammer call; no other module does.

Options that are never used (docs/hammer.md 3.1): -t hangs for ever, -i 0 spins, -y re-creates a
destroyed slave. Options precede the verb, because hammer's getopt stops there.
"""

import json
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
    mode = () if gear is Gear.FOLLOWING else ("-S", str(pair.options.split_bytes))
    words = (*_source_words(pair, gear), *mode, "mirror-stream")
    return (hammer, "-vv", *words, str(pair.master), str(pair.slave))


def _source_words(pair: Pair, gear: Gear) -> tuple[str, ...]:
    """Return the options of the source half that hammer does not pass to another host."""
    options = pair.options
    is_following = gear is Gear.FOLLOWING
    delay_s = options.following_delay_s if is_following else options.delay_s
    words = ["-i", str(delay_s)]
    if options.bandwidth_bytes is not None:
        words += ["-b", str(options.bandwidth_bytes)]
    if is_following:
        words.append("-B")
    return tuple(words)


def pfs_status_argv(hammer: str, endpoints: Sequence[Endpoint]) -> tuple[str, ...]:
    """Build the argv that prints the status of PFSs of one host, in this order."""
    words = ("pfs-status", *(each.path for each in endpoints))
    return endpoints[0].host.command(hammer, words)


def mirror_copy_argv(hammer: str, source: Endpoint, target: Endpoint) -> tuple[str, ...]:
    """Build the argv of a mirror-copy; -vv makes it tell its progress (docs/hammer.md 5.2)."""
    return (hammer, "-vv", "mirror-copy", str(source), str(target))


def synctid_argv(hammer: str, path: str) -> tuple[str, ...]:
    """Build the argv that flushes the file system of a path on this machine.

    See docs/hammer.md 3.5.
    """
    return (hammer, "synctid", path)


def environment(home: str) -> Mapping[str, str]:
    """Build the whole environment of a hammer process; it inherits nothing of the daemon's."""
    return {"PATH": SEARCH_PATH, "HOME": home, "LC_ALL": "C"}


RSH_VALUE = "HAMMERD_RSH"
"""The environment variable from which hammerd-rsh learns its pair."""


def stream_environment(
    home: str, rsh: str, pair: Pair, gear: Gear, guard: str = ""
) -> Mapping[str, str]:
    """Build the environment of a pair's mirror-stream.

    A half on another host is started by hammerd-rsh (the program `rsh`), with what the JSON value
    says. So its hammer gets the options that the hammer here does not pass on
    (docs/hammer.md 7.2). `guard` goes before the mirror-write on the slave's host.
    """
    halves = {
        "master": pair.master.host.half(_source_words(pair, gear)),
        "slave": pair.slave.host.half((), guard),
    }
    far = {name: half for name, half in halves.items() if half is not None}
    if not far:
        return environment(home)
    value = json.dumps({"pair": pair.name, **far}, separators=(",", ":"))
    return {**environment(home), "HAMMER_RSH": rsh, RSH_VALUE: value}
