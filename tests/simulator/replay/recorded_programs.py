"""Installs the programs that replaced ssh in the recordings (transcripts README 2)."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote

from tests.paths import ROOT

HELPERS = ("fakefs-new", "fakefs-mount", "fakefs-write")
_HELPER = """\
#!/bin/sh
PYTHONPATH={place} exec {python} -m tests.simulator.replay.fakefs {name} "$@"
"""

_LOG = """\
#!/bin/sh
line="argv0=rsh/${{0##*/}}"
for word in "$@"; do line="$line [$word]"; done
echo "$line" >> {log}
"""

_SCRIPTS = {
    "log-and-run.sh": """\
while [ "$1" != hammer ]; do shift; done
exec "$@"
""",
    "fail255.sh": """\
echo 'ssh: connect to host backup port 22: Connection refused' >&2
exit 255
""",
    "hang.sh": """\
exec sleep 1000
""",
    "restricted.sh": """\
while [ "$1" != hammer ]; do shift; done
export SSH_ORIGINAL_COMMAND="$*"
exec hammer ssh-remote mirror-write "${RESTRICT_PATH:-ROOT/Backup2/pfs/}"
""",
}


_NOT_LOGGED = """\
#!/bin/sh
while [ "$1" != hammer ]; do shift; done; PATH=/usr/bin:/bin
exec "$@"
"""
"""The error message names line 3 of this script."""


def install_recorded_programs(root: Path) -> None:
    for name, text in _SCRIPTS.items():
        here = text.replace("ROOT", str(root))
        _install(root / "rsh" / name, _LOG.format(log=root / "rsh.log") + here)
    _install(root / "run" / "nohammer.sh", _NOT_LOGGED)
    for name in HELPERS:
        text = _HELPER.format(python=quote(sys.executable), place=quote(str(ROOT)), name=name)
        _install(root / "sbin" / name, text)


def _install(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
