"""The command line of hammer(8): options, usage texts, and the PFS that a path names."""
