"""Runs mirror-streams: one process group for each pair."""
