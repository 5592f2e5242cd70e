"""Lays out the lag of pairs: now, in the past, as a plot, and why it was so."""
