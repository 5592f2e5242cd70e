"""Builds the forced command of a key: the `command="..."` of its line in authorized_keys.

sshd runs it in place of the command that the client asks for, by the login shell of the user
(core/hosts/far_guard.py: it may be csh). It allows the commands of hammerd's halves, probes and
verifications with these paths, and no neighbour of a path, which the prefix of
`hammer ssh-remote` would allow (docs/hammer.md 7.4). A mirror-write gets the guard of its slave.
Then it runs `hammer ssh-remote` with that verb and path alone, so that hammer's own restriction
holds as well.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hammerd.core.hosts.far_guard import LOCK_PREFIX, SETS_PROGRAM, lock_name

HAMMER, HAMMERD = "/sbin/hammer", "/usr/local/bin/hammerd"
NO_HAMMER = "Command not hammer"
"""The words of the refusal of a command that is none of hammer's, like one under a guard."""

_GUARD_BEGINS = SETS_PROGRAM.partition("'")[0]
_RUNS_GUARD = 'eval "$P"'
_MASTER_VERBS = ("mirror-read-stream", "mirror-read")


@dataclass(frozen=True, slots=True)
class Account:
    """The login to a host: its user and the file of its private key; None: ssh chooses."""

    host: str
    user: str | None
    key_file: str | None


@dataclass(frozen=True, slots=True)
class FarEndpoint:
    """A PFS that a key serves: its path, and whether hammerd writes to it."""

    path: str
    is_slave: bool


def authorized_keys_line(command: str, public_key: str) -> str:
    """Return the line of authorized_keys that restricts a public key to a command.

    sshd takes a backslash before a double quote away, and no other.
    """
    quoted = command.replace('"', '\\"')
    return f'restrict,command="{quoted}" {public_key}'


@dataclass(frozen=True, slots=True)
class RemotePrograms:
    """The programs of the other host: a path, or a name that its shell looks up."""

    hammer: str = "hammer"
    hammerd: str = "hammerd"


def forced_command(owner: str, programs: RemotePrograms, endpoints: Sequence[FarEndpoint]) -> str:
    """Return the forced command for a key of these endpoints, as sshd gives it to the shell."""
    steps = list(_program(owner, programs, endpoints))
    if any(each.is_slave for each in endpoints):
        return f"{SETS_PROGRAM} /bin/sh -c '{'; '.join((*steps, _RUNS_GUARD))}'"
    return f"/bin/sh -c '{'; '.join(steps)}'"


def _program(
    owner: str, programs: RemotePrograms, endpoints: Sequence[FarEndpoint]
) -> Iterator[str]:
    """Yield the steps of the program; the words that it allows are its positional parameters."""
    allowed = ", ".join(_allowed(endpoints))
    yield "set -f"
    yield f'r() {{ echo "hammer-remote: $*this key allows only: {allowed}" >&2; exit 1; }}'
    yield "d=$SSH_ORIGINAL_COMMAND"
    # A guard that was sent is left out, unread: this key has its own.
    guarded, lock = f'"{_GUARD_BEGINS}"*" {LOCK_PREFIX}"*', f"* {LOCK_PREFIX}"
    yield f"case $d in {guarded}) d=${{d##{lock}}}; d=${{d#* }};; esac"
    yield "SSH_ORIGINAL_COMMAND=$d"
    yield "set -- $d"
    # Single blanks alone stand between the words: no tab, no newline.
    yield '[ "$*" = "$d" ] || r'
    yield _verify_step(programs, endpoints)
    names = "|".join(_unique(("hammer", programs.hammer)))
    yield f'case $1 in {names}) shift;; *) r "{NO_HAMMER}: ";; esac'
    yield (
        "while :; do case $1 in -v|-vv|-vvv|-2|-B) shift;; -i|-b|-S)"
        ' expr "x$2" : "x[0-9][0-9]*[kmgKMG]*$" >/dev/null || r; shift 2;; *) break;; esac; done'
    )
    hammer = _program_path(programs.hammer, HAMMER)
    yield f'case "$*" in {" ".join(_cases(owner, hammer, endpoints))} esac'


def _verify_step(programs: RemotePrograms, endpoints: Sequence[FarEndpoint]) -> str:
    """Return the step that allows hammerd to describe the trees of these endpoints.

    How it does so is said on its standard input (core/verify/request.py): no word is an option.
    """
    names = "|".join(_unique(("hammerd", programs.hammerd)))
    paths = "|".join(f'"verify --end {path}"' for path in _paths(endpoints))
    hammerd = _program_path(programs.hammerd, HAMMERD)
    return (
        f'case $1 in {names}) case "$2 $3 $4" in {paths}) ;; *) r;; esac;'
        ' [ $# = 5 ] && expr "x$5" : "x0x[0-9a-f]*$" >/dev/null || r;'
        f" exec {hammerd} verify --end $4 $5;; esac"
    )


def _cases(owner: str, hammer: str, endpoints: Sequence[FarEndpoint]) -> Iterator[str]:
    for each in endpoints:
        if each.is_slave:
            words = f"{owner} {lock_name(each.path)} {hammer} ssh-remote mirror-write {each.path}"
            yield f'"mirror-write {each.path}") set -- {words};;'
        else:
            for verb in _MASTER_VERBS:
                words = f"{hammer} ssh-remote {verb} {each.path}"
                yield f'"{verb} {each.path}") exec {words};;'
    paths = "|".join(f'"{path}"' for path in _paths(endpoints))
    yield (
        f'"pfs-status "*) shift; for i in "$@"; do case $i in {paths}) ;; *) r;; esac; done;'
        f" exec {hammer} ssh-remote pfs-status $1;;"
    )
    yield "*) r;;"


def _allowed(endpoints: Sequence[FarEndpoint]) -> Iterator[str]:
    for each in endpoints:
        yield f"{'mirror-write' if each.is_slave else 'mirror-read-stream'} {each.path}"
    yield f"pfs-status {' '.join(_paths(endpoints))}"
    yield f"hammerd verify --end {' '.join(_paths(endpoints))}"


def _program_path(program: str, usual: str) -> str:
    """Return the program that a forced command runs; a name alone means the usual one."""
    return program if program.startswith("/") else usual


def _paths(endpoints: Iterable[FarEndpoint]) -> tuple[str, ...]:
    return _unique(each.path for each in endpoints)


def _unique(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
