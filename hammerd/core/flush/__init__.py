"""Holds the flushes of file systems: which to flush, how often, and their results."""
