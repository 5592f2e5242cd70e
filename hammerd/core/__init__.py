"""Decides: values, parsers, the pair machine, lag. No I/O, no clock, no randomness."""
