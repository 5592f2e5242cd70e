"""Finds processes that write to our slaves and are not ours, and orphans of ours."""
