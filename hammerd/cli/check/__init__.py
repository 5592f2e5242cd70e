"""Checks a config against this machine: its paths, its hammer, its groups."""
