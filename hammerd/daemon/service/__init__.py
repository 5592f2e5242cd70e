"""Makes a process a daemon: background process, pid file, directories, config file."""
