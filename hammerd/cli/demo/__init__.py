"""The demo: a real daemon on the tutorial's two file systems, which the simulator provides.

`sequence` runs all steps; `fake_root` runs shell lines; `daemon_process` runs hammerd as a child;
`streams` scans the process table; `deaths` kills processes and measures the recovery; `following`
measures how fast the slave follows; `trees` compares master and slave; `screen` prints.
Only `commands/demo.py` imports this package, and within hammerd only this package imports the
simulator.
"""
