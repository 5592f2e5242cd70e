"""Checks of a config against this machine: its paths, its hammer, its groups."""
