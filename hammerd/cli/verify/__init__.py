"""Reads the trees of a pair's ends and compares them."""
