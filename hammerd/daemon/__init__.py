"""Acts: one asyncio loop, one writer thread. Knows none of hammer's language."""
