"""Reads history.db, and lays out events and lag."""
