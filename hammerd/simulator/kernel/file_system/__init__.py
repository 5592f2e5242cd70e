"""The state of one file system: TIDs, lock, knobs, PFSs, links, null mounts, durable commits."""
