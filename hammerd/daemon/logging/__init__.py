"""Writes the log: files, syslog, transitions, and errors of our own code."""
