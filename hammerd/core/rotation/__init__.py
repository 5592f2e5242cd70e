"""Slaves of one pair that take turns: what is known of each, and which one has its turn."""
