"""Builds the guard of a far slave: a program of sh that keeps a second writer away.

A connection that is cut ends nothing on the other host: sshd and its mirror-write may live on, and
commit an older TID beside a new stream. So the far mirror-write holds a lock for its whole life.
The guard takes that lock before it replaces itself by hammer. While an earlier writer of the same
owner holds it, the guard ends that writer; beside another owner's it refuses (exit status 75).

    flock(1)  locks an open file that hammer inherits: the lock lives as long as hammer
    lockf(1)  of the BSDs holds the lock itself and waits for hammer. Killed alone it leaves hammer
              without a lock, so the guard checks the recorded writer again under the lock

The lock file has a record: pid, start time and owner of the writer, pid and start time of its
lockf. A record may be stale, and its pids other processes by now: nothing is killed but a process
that has that pid and that start time.

The login shell of the other host reads the program first, be it sh, csh or zsh. So all of it is in
single quotes, and it has no single quote, newline, backslash or exclamation mark.
"""

import re
from collections.abc import Sequence

EX_TEMPFAIL = 75

LOCK_PREFIX = "hammerd-far."
LOCK_DIRECTORY = "/var/run"
DIRECTORY_VALUE = "HAMMERD_FAR_DIR"
"""The environment variable, on the other host, that names another directory for the lock files."""

_INNER = 76
"""The exit status of a refusal under lockf, which itself exits 75 when the lock is held."""

# Each step is a command of sh; `; ` joins them. Names have one letter, so that the command line
# stays short:
#   o owner  f lock file  c exit status of a refusal  n tries  y path of the slave
#   p u v    pid, start time, owner of the record     q k  pid, start time of its lockf
#   a t      state, start time of a process (w)
PROGRAM = "; ".join(
    (
        f"o=$1 f=$2 c={EX_TEMPFAIL} n=0",
        "shift 2",
        "for y; do :; done",
        f"case $f in /*) c={_INNER};; *) f=${{{DIRECTORY_VALUE}:-{LOCK_DIRECTORY}}}/$f;; esac",
        's() { echo "hammerd-far: $*" >&2; }',
        'r() { s "$*"; exit $c; }',
        "z() { sleep .2 2>/dev/null || sleep 1; }",
        # The state and start time of a process; t is empty if there is none.
        "w() { t=; set -- $(TZ=UTC LC_ALL=C ps -o state= -o lstart= -p $1 2>/dev/null);"
        " [ $# -lt 6 ] || { a=$1 t=$2-$3-$4-$5-$6; }; }",
        # Whether the recorded writer lives.
        'l() { w $p; [ $t ] && [ "$t" = "$u" ] && case $a in Z*) false;; esac; }',
        # End the recorded writer if it lives and is of this owner.
        "e() { p= v=; read p u v q k x <$f; [ $p ] && l || return 0;"
        ' [ "$v" = "$o" ] || r "pid $p of another hammerd ($v) writes to $y";'
        " kill $p 2>/dev/null; m=0;"
        # A stopped process does not act on TERM.
        " while l; do m=$((m+1)); case $m$a in 8*|*T*) kill -9 $p 2>/dev/null;; esac;"
        ' [ $m -lt 30 ] || r "an earlier writer, pid $p, does not end"; z; done;'
        ' s "ended an earlier writer, pid $p"; }',
        # The lock is held. A stopped lockf holds it beyond the death of its child.
        'h() { e; n=$((n+1)); if [ $n = 3 ] && [ "$v" = "$o" ]; then'
        ' w $q; [ $t ] && [ "$t" = "$k" ] && kill -9 $q; fi;'
        ' [ $n -lt 25 ] || r "an unknown process has the lock $f"; z; }',
        # The lock is ours.
        f'i() {{ e; w $PPID; k="$PPID $t"; [ $c = {_INNER} ] || k=; w $$;'
        ' echo "$$ ${t:-unknown} $o $k" >$f; s locked; unset P; exec "$@"; }',
        f'[ $c = {EX_TEMPFAIL} ] || i "$@"',
        '(: >>$f) 2>/dev/null || { s "no lock: cannot write $f"; exec "$@"; }',
        "if command -v flock >/dev/null 2>&1; then"
        ' exec 9<>$f; until flock -n 9; do h; done; i "$@"; fi',
        "command -v lockf >/dev/null 2>&1 ||"
        ' { s "no lock: neither flock nor lockf is there"; exec "$@"; }',
        f'while :; do lockf -k -s -t 0 $f /bin/sh -c "$P" sh $o $f "$@"; x=$?;'
        f" [ $x = {EX_TEMPFAIL} ] || break; h; done",
        f"[ $x = {_INNER} ] && exit {EX_TEMPFAIL}",
        "exit $x",
    )
)

"""The guard as one line of sh. Its words are OWNER LOCK COMMAND...; `$P` is its own text, which it
hands to the shell that lockf(1) starts."""

SETS_PROGRAM = f"/usr/bin/env P='{PROGRAM}'"
"""The words before a command that reads the program from `$P`."""


def owner_word(host_name: str, state_dir: str) -> str:
    """Return the word that identifies a hammerd on other hosts: no two share a state_dir."""
    return re.sub(r"[^A-Za-z0-9._:/-]", "_", f"{host_name}:{state_dir}")


def lock_name(path: str) -> str:
    """Return the name of the lock file of a slave: the end of its path, for people, and a digest.

    The digest is FNV-1a with 64 bits.
    """
    digest = 0xCBF29CE484222325
    for byte in path.encode(errors="surrogateescape"):
        digest = (digest ^ byte) * 0x100000001B3 % (1 << 64)
    shown = re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-")[-60:]
    return f"{LOCK_PREFIX}{shown}.{digest:016x}"


def guard_words(owner: str, path: str) -> str:
    """Return the words of a remote command that go before those of a mirror-write to `path`."""
    return f"{SETS_PROGRAM} /bin/sh -c 'eval \"$P\"' sh {owner} {lock_name(path)}"


def shell_command(owner: str, path: str, words: Sequence[str]) -> str:
    """Return the remote command that runs `words`, a mirror-write to `path`, under the guard."""
    return " ".join((guard_words(owner, path), *words))
