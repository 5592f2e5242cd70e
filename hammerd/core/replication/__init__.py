"""TIDs, lag, progress, and what they prove of a slave."""
