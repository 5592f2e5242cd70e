"""Shows the last known state when no hammerd answers."""
