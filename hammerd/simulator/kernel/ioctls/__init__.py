"""The ioctls that hammer(8) makes on a PFS: status, wait, mirroring, upgrade, destroy."""
