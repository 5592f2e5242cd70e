"""Checks of hosts that are reached through ssh: the login, the key, the end over there."""
