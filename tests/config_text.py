"""Reads a config from text."""

from hammerd.core.config.model import Config
from hammerd.core.config.reader import read_config


def parse_config(text: str, source: str) -> Config:
    """Make a config from TOML text."""
    return read_config(text.encode(), source)
