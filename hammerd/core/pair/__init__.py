"""Holds the machine of a pair: its states, events and transitions, and the rules they follow."""
