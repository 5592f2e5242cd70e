"""What a HAMMER file system does: TIDs, PFSs, records, snapshots and waits in directories."""
