"""Holds what other programs read: status JSON, control protocol, history schema, health."""
