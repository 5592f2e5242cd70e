"""Holds values, parsers and rules. It has no I/O, no clock and no randomness."""
