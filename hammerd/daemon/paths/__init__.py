"""Reads the state of paths in a child process, because a disk can hang."""
