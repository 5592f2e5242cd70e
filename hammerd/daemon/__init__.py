"""Carries out what core decides, on one asyncio loop and one writer thread."""
