"""hammer(8): its command line, commands, messages, processes and waits.

See docs/hammer.md 3, 4, 5.
"""
