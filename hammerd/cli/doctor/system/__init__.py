"""Checks of one system: its hammer, its mounts, other streams, the messages of its kernel."""
