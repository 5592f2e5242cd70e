"""Builds the command lines of hammer(8), parses its output and diagnoses its messages."""
