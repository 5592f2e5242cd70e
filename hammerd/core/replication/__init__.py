"""Holds the rules about TIDs: lag, progress, proofs of what is on a slave, anomalies."""
