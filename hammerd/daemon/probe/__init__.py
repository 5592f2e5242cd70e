"""Reads endpoints: their PFS status, their paths, their free space."""
