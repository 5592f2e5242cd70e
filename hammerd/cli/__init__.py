"""Asks: commands for people and scripts."""
