"""Looks at both ends of a pair for hammerd provision, and writes the pair into the config."""
