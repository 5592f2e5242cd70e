"""Stands in for a DragonFly kernel: a program named `hammer` for the demo and the tests.

`utility` is what hammer(8) does, `kernel` what the file system does below it, `admin` what
newfs_hammer, mount_null, umount and sync do. Nothing here imports the rest of hammerd.

The demo runs sixty streams of three processes each, so a stream's image is kept lean: `os`
and a few built-in modules, no `re`, `json`, `typing`, `enum`, `dataclasses`, `contextlib`,
`subprocess`, `pathlib`. Only `admin`, which no stream imports, is free of that rule.
It must also run on DragonFly itself: no /proc, no inotify, no call that Linux alone has.
"""
