"""Holds the last readings of every endpoint, and the lag that follows from them."""
