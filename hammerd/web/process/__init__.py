"""The process of the web server: where it listens, as whom it runs, how it ends."""
