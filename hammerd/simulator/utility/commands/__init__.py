"""Commands of hammer(8) that run in one process: pfs-*, synctid and version."""
