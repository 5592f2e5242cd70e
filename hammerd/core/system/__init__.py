"""Parses the tables of a host: mounts, fstab. No I/O."""
