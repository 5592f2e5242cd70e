"""Asks a running hammerd."""
