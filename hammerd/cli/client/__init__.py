"""Client of a running hammerd."""
