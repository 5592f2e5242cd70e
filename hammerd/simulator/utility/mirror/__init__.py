"""Mirroring commands of hammer(8): parent, source half, target half, and their protocol."""
