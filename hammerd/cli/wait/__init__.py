"""Waits until slaves hold what their masters held: flushes, proofs, and what keeps from them."""
