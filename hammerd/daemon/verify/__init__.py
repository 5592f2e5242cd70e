"""Knows the results of verifications, and runs those that are due."""
