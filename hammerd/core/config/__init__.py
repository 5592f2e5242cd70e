"""Turns a config file's text into a Config, or reports every fault of it at once."""
