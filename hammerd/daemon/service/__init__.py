"""Everything that makes a process a daemon: pid file, directories, daemonizing."""
