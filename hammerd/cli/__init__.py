"""Commands for people and scripts: they query a running daemon, or read the files it left."""
