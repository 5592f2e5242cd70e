"""The pair machine: states, events, transitions, and the rules between them."""
