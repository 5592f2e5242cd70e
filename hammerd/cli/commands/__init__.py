"""One command of hammerd a file."""
