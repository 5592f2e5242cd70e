"""hammerd: supervises HAMMER mirror-streams and records how far each slave is behind.

This file is imported by every process of the project, the leanest too: it imports nothing.
"""

__version__ = "0.1.0"
