"""hammer(8): its command line, commands, messages, processes and waits (HAMMER.md)."""
