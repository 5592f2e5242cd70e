"""Starts, watches and ends processes, and reads the process table."""
