"""Saves and loads the files that outlive the daemon."""
