"""Writes the log: files, syslog, transitions, and faults of our own code."""
