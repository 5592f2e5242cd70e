"""Compares two trees of files by streams of entries, without reading either."""
