"""Prints: text, numbers, tables, JSON, exit codes."""
