"""The metrics of a status, for Prometheus and what speaks its format."""
