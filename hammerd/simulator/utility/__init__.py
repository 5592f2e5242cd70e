"""What hammer(8) does: its commands, messages, processes and waits (HAMMER.md)."""
