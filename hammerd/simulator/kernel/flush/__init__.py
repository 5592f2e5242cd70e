"""Flushes: what changed in masters becomes records, by sync(2), synctid or the syncer."""
