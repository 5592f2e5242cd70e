"""Measures hammerd beside its peers in the same run: `python -m bench [NAME ...]`.

The peers are bare hammer, which restarts its own halves, and `min_py`, the supervisor that
anyone would write first. hammer is the simulator's, at time scale 1. Absolute figures are this
machine's; the ratios are what is promised.
"""
