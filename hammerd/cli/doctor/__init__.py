"""Tries the whole way of each pair, for `hammerd doctor`: hosts, mounts, PFSs, boots."""
