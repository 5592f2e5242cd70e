"""Looks at the paths of an end on its host, by one shell script that any login can run.

/bin/sh reads the script from its input, so no login shell changes its words. A pfs-status of a
promoted slave is left out: it overwrites its stored TID (docs/hammer.md 1.7).
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from posixpath import dirname

from hammerd.cli.check.bounded_command import run_command
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.plans.commands import Programs
from hammerd.core.errors import BadOutput
from hammerd.core.exit_codes import Exit
from hammerd.core.hammer.output_parser import find_cause
from hammerd.core.hammer.pfs_status import PfsStatus, parse_pfs_status
from hammerd.core.hosts.host import Host
from hammerd.core.plans.provision_facts import Kind, PathFact
from hammerd.core.plans.provision_paths import EndPaths, Tables
from hammerd.core.system.mounts import FSTAB, parse_fstab, parse_mounts

TIMEOUT_S = 60.0
SYSTEM_PATH = "/sbin:/usr/sbin:/bin:/usr/bin"
END_OF_PART = "---\n"

_KINDS = {"dir": Kind.DIRECTORY, "full": Kind.DIRECTORY, "link": Kind.SYMLINK, "file": Kind.FILE}

_TABLES = """\
mount
echo ---
if [ -f {fstab} ]; then cat {fstab}; fi
echo ---
"""

_LINKS = """\
for path in {paths}; do
    if [ -L "$path" ]; then printf '%s\\t%s\\n' "$path" "$(readlink "$path")"; fi
done
"""

_LOOK = """\
fact() {{
    if [ -L "$1" ]; then printf 'link %s\\n' "$(readlink "$1")"
    elif [ ! -d "$1" ]; then if [ -e "$1" ]; then echo file; else echo missing; fi
    elif [ -n "$(ls -Aq "$1" 2>/dev/null | head -n 1)" ]; then echo full
    else echo dir
    fi
}}
link={link} place={place}
above=
if [ ! -L "$link" ]; then
    above=$(dirname "$link")
    while [ ! -d "$above" ]; do above=$(dirname "$above"); done
fi
fact "$link"
fact "$(dirname "$link")"
if [ "$place" ]; then fact "$place"; fact "$(dirname "$place")"; else echo none; echo none; fi
if [ -d "$link/." ]; then echo readable; else echo unreadable; fi
printf '%s\\n' "$above"
set -- "${{above:-$link}}"
if [ "$place" ] && [ -d "$place" ] && [ ! -L "$place" ]; then set -- "$@" "$place"; fi
case $(readlink "$link") in {left_out}) ;; *) {hammer} pfs-status "$@" 2>&1 ;; esac
:
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """The readings of the paths of one end; `statuses` are by their paths."""

    link: PathFact
    link_directory: PathFact
    place: PathFact | None
    place_directory: PathFact | None
    above: str | None
    statuses: Mapping[str, PfsStatus]
    trouble: str
    is_readable: bool


class Survey:
    """Looks at the files of one host; `fstab` is the file of its mounts."""

    def __init__(self, host: Host, programs: Programs, fstab: str = FSTAB) -> None:
        self._host = host.administered or host
        self._programs = programs
        self._fstab = fstab
        self._hammer = self._host.command(programs.hammer, ())[-1]

    def tables(self, paths: Sequence[str]) -> Tables:
        """Return the mounts of the host, and the symlinks at these paths and beside null mounts.

        Raises:
            CommandFailed: the host cannot be looked at.
        """
        text = self._run(_TABLES.format(fstab=shlex.quote(self._fstab)))
        mounted, fstab, *_ = (*text.split(END_OF_PART), "", "")
        mounts, wanted = parse_mounts(mounted), parse_fstab(fstab)
        beside = {dirname(each.what) for each in (*mounts, *wanted) if each.where in paths}
        patterns = (f"{shlex.quote(each)}/*" for each in sorted(beside))
        found = self._run(_LINKS.format(paths=" ".join((*map(shlex.quote, paths), *patterns))))
        links = (line.partition("\t") for line in found.splitlines())
        return Tables(mounts, wanted, {path: text for path, _, text in links})

    def look(self, paths: EndPaths, *, is_slave: bool) -> Seen:
        """Look at the paths of one end.

        Raises:
            CommandFailed: the host cannot be looked at.
        """
        text = self._run(
            _LOOK.format(
                link=shlex.quote(paths.link),
                place=shlex.quote(paths.place or ""),
                left_out="@@-1:*" if is_slave else "''/",
                hammer=shlex.quote(self._hammer),
            )
        )
        return _seen(paths, text)

    def _run(self, script: str) -> str:
        """Run a script on the host, and return its output."""
        own = [dirname(self._hammer)] if "/" in self._hammer else []
        path = ":".join((*own, "$PATH", SYSTEM_PATH))
        text = f'PATH="{path}"; export PATH\n{script}'
        argv = self._host.program(("/bin/sh", "-s"))
        done = run_command(argv, TIMEOUT_S, self._programs.env, text.encode())
        name = self._host.login or "this host"
        if done.is_late:
            hint = "does a disk hang? see dmesg"
            raise CommandFailed(f"a look at {name} does not come back", hint)
        if done.status != 0:
            told = (done.start_error or done.error_text).strip().rpartition("\n")[2]
            raise CommandFailed(f"cannot look at {name}: {told}", code=Exit.UNAVAILABLE)
        return done.text


def _seen(paths: EndPaths, text: str) -> Seen:
    link, directory, place, beside, readable, above, *rest = text.split("\n")
    told = "\n".join(rest)
    try:
        statuses = {each.path: each for each in parse_pfs_status(told)}
        trouble = "" if (above or paths.link) in statuses else _trouble(told)
    except BadOutput as error:
        statuses, trouble = {}, error.message
    return Seen(
        _fact(paths.link, link),
        _fact(dirname(paths.link), directory),
        None if paths.place is None else _fact(paths.place, place),
        None if paths.place is None else _fact(dirname(paths.place), beside),
        above or None,
        statuses,
        trouble,
        readable == "readable",
    )


def _trouble(told: str) -> str:
    cause = find_cause(told.encode())
    return cause.text if cause else told.strip()


def _fact(path: str, line: str) -> PathFact:
    word, _, text = line.partition(" ")
    return PathFact(path, _KINDS.get(word, Kind.MISSING), text, word != "full")
