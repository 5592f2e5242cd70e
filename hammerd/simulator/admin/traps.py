"""Kills the caller of a program before, while or after it runs, once: for tests of plans.

    trap(sbin, "pfs-slave", when="after")       `hammer pfs-slave ...` runs, then its caller dies
    trap(sbin, "mkdir /Backup2/pfs", when="before")    the caller dies, no directory is made

The caller is the parent of the program, and its whole process group gets SIGKILL: start it in a
session of its own. With "during" the program starts, its caller dies, and the program goes on.
The program is itself again afterwards, so the same command can be run again to its end.
"""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from hammerd.simulator.admin.file_systems import PROGRAMS
from hammerd.simulator.shebang import shebang

WHEN = ("before", "during", "after")
EX_SOFTWARE = 70
_TRAP = """\
{shebang}import sys
sys.path.append({package_parent!r})
from hammerd.simulator.admin.traps import Trap, spring
from pathlib import Path
spring(Trap(Path({place!r}), Path({program!r}), {words!r}, {when!r}), {armed_by!r})
"""


@dataclass(frozen=True, slots=True)
class Trap:
    """A trap in place of a program, which lies elsewhere until the trap is sprung."""

    place: Path
    program: Path
    words: tuple[str, ...]
    when: str

    @property
    def is_moved(self) -> bool:
        """Whether it is a program of the simulator, which is moved aside."""
        return self.program.parent == _aside(self.place)

    @property
    def is_armed(self) -> bool:
        """Whether the trap has not been sprung nor removed."""
        return (self.program if self.is_moved else self.place).exists()

    def remove(self) -> bool:
        """Put the program back to its place; return False if that was done before."""
        try:
            if self.is_moved:
                self.program.rename(self.place)
            else:
                self.place.unlink()
        except FileNotFoundError:
            return False
        return True


def trap(sbin: Path, command: str, *, when: str = "after") -> Trap:
    """Kill the caller of the next command that has all these words; one trap a program.

    The first word is a program beside hammer or of the system, else a command of hammer. A program
    of the system is trapped in `sbin`, where a plan looks for it first.

    Raises:
        ValueError: no such time, or the program is trapped already.
    """
    if when not in WHEN:
        raise ValueError(f"{when} is not one of {', '.join(WHEN)}")
    words = tuple(command.split())
    place, program = _program(sbin, words[0])
    armed = Trap(place, program, words, when)
    if program.exists() if armed.is_moved else place.exists():
        raise ValueError(f"{place} is trapped already")
    text = _TRAP.format(
        shebang=shebang("-IS"),
        package_parent=str(Path(__file__).parents[3]),
        place=str(place),
        program=str(program),
        words=words,
        when=when,
        armed_by=os.getpid(),
    )
    trapped = sbin / f".{place.name}.trap"
    trapped.write_text(text)
    trapped.chmod(0o755)
    if armed.is_moved:
        program.parent.mkdir(exist_ok=True)
        os.link(place, program)
    trapped.rename(place)
    return armed


def _program(sbin: Path, word: str) -> tuple[Path, Path]:
    """Return the place of a trap and that of its program."""
    found = None if word in PROGRAMS else shutil.which(word)
    if found is not None:
        return sbin / word, Path(found)
    name = word if word in PROGRAMS else "hammer"
    return sbin / name, _aside(sbin / name) / name


def _aside(place: Path) -> Path:
    """Return a directory beside that of the programs, from which they find the file systems."""
    return place.parent.with_name(f"{place.parent.name}.trapped")


def spring(armed: Trap, armed_by: int) -> NoReturn:
    """Run the trapped program, and kill the caller if the command is the one meant."""
    words = [armed.place.name, *sys.argv[1:]]
    if not all(word in words for word in armed.words) or not armed.remove():
        program = armed.program if armed.program.exists() else armed.place
        os.execv(program, [str(program), *sys.argv[1:]])
    program = armed.place if armed.is_moved else armed.program
    caller = os.getppid()
    if caller == armed_by:
        sys.stderr.write(f"{armed.place}: run it from a process of its own, not from the test\n")
        sys.exit(EX_SOFTWARE)
    group, own_group = os.getpgid(caller), os.getpgid(armed_by)
    if os.getpgrp() != os.getpid():
        os.setsid()  # the caller's end must not end this process
    child = None
    if armed.when != "before":
        child = subprocess.Popen([program, *sys.argv[1:]])
    if child is not None and armed.when == "after":
        child.wait()
    os.kill(caller, signal.SIGKILL) if group == own_group else os.killpg(group, signal.SIGKILL)
    sys.exit(child.wait() if child is not None else 0)
