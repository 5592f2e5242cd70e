"""The last known state of the pairs, for when no hammerd answers."""
