"""What the files and tables of a host say: mounts, fstab. No I/O."""
