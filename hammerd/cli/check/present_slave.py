"""Finds the slave of a pair to promote if its slaves take turns."""

from hammerd.cli.check.path_check import local_paths, probe_paths
from hammerd.core.hammer.pfs_links import LinkedPfs
from hammerd.core.pairs import Pair, turns_of


def with_newest_slave(pair: Pair) -> Pair:
    """Return a pair with the slave of the highest TID that is there.

    One that is a master already comes first: a promotion that was interrupted goes on with it. The
    softlinks tell, and are read by a child with a deadline.
    """
    if not pair.rotate.takes_turns:
        return pair
    turns = turns_of(pair)
    states = probe_paths(local_paths(turns))
    links = [(turn, states[turn.slave.path].link) for turn in turns if turn.slave.path in states]
    found = [(_rank(link), turn) for turn, link in links if link is not None]
    return max(found, key=lambda each: each[0])[1] if found else pair


def _rank(link: LinkedPfs) -> tuple[bool, int]:
    return link.is_master, link.tid or 0
