"""Writes history.db."""
