"""Queries of history.db, and the layout of events and lag."""
