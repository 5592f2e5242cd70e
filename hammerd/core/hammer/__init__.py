"""The language of hammer(8): its command lines, its messages and their diagnosis."""
