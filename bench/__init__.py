"""Measures hammerd beside its peers in the same run: `python -m bench [NAME ...]`.

The peers are bare hammer, which restarts its own halves, and `min_py`, a minimal supervisor.
hammer is the simulator's, at time scale 1. Absolute figures depend on the machine; hammerd
promises the ratios.
"""
