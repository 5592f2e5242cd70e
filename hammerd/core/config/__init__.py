"""Reads a config file's text into a Config, or reports all its faults at once."""
