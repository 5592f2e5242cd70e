"""The commands of hammerd, one in each module."""
