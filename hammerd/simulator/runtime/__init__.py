"""Time, output, process exit, state files and waits for a change: no knowledge of HAMMER."""
