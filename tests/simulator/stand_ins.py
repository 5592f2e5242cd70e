"""The programs that stood in for ssh when the recordings were made (transcripts README 2)."""

from __future__ import annotations

from pathlib import Path

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


def install_stand_ins(directory: Path, log: Path) -> None:
    directory.mkdir()
    for name, text in _SCRIPTS.items():
        here = text.replace("ROOT", str(directory.parent))
        (directory / name).write_text(_LOG.format(log=log) + here)
        (directory / name).chmod(0o755)
