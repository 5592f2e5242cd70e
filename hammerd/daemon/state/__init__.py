"""Files that outlive the daemon."""
