"""Gathers the facts from which promote, switchover and reseed are planned, with deadlines."""
