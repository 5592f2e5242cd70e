"""Threads for calls that may block."""
