"""A simulator of hammer(8) and its kernel: programs and directories for the demo and the tests.

`runtime` is time, output and process exit; `kernel` is the file system and its ioctls; `utility`
is hammer(8); `admin` and `programs` are all other programs; `main` is the program `hammer`. Each
imports only those before it, and none imports the rest of hammerd.

The demo runs sixty streams of three processes each, so a stream must need little memory: it uses
`os` and a few built-in modules, no `re`, `json`, `typing`, `enum`, `dataclasses`, `contextlib`,
`subprocess`, `pathlib`. Only `admin` and `programs`, which no stream imports, may use these.
The simulator also runs on DragonFly: no /proc, no inotify, no call that only Linux has.
"""
