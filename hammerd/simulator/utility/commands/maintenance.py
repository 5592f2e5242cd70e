"""The commands history, prune-everything, reblock and version-upgrade, in their usual forms."""

from hammerd.simulator.kernel.ioctls import maintenance
from hammerd.simulator.runtime.console import CommandError, CommandExit, write_stderr, write_stdout
from hammerd.simulator.utility.arguments.paths import open_file_system, open_pfs
from hammerd.simulator.utility.commands import history
from hammerd.simulator.utility.commands.file_system import VERSIONS

BAD_PRUNE = """\
Badly formed prune command, use:
hammer prune <softlink-dir>
hammer prune-everything <filesystem>
"""
BAD_REBLOCK = "hammer reblock <filesystem> [fill_percentage]\n"
ALL_OBJECTS = "8000000000000000:0000 7fffffffffffffff:ffff"


def run(command: str, words: list[str]) -> None:
    """Run one of these commands."""
    if command == "history":
        history.run(words)
    elif command == "version-upgrade":
        _version_upgrade(words)
    elif len(words) != 1:
        write_stderr(BAD_PRUNE if command == "prune-everything" else BAD_REBLOCK)
        raise CommandExit(1)
    elif command == "prune-everything":
        _prune_everything(words[0])
    else:
        _reblock(words[0])


def _prune_everything(path: str) -> None:
    pfs, info = open_pfs(path)
    shown = path.rstrip("/") + "/"
    write_stdout(f"Prune {shown}: EVERYTHING\n")
    write_stdout(f"Prune {shown}: objspace {ALL_OBJECTS} pfs_id {pfs.pfs_id}\n")
    write_stdout(f"Prune {shown}: prune_min is 0d/00:00:00\n")
    tid = info.sync_end_tid if info.is_slave else pfs.fs.flush_tid()
    done = maintenance.prune_everything(pfs, tid)
    write_stdout(f"Prune {shown} succeeded\n")
    write_stdout(
        f"Pruned {done.dropped}/{done.scanned} records (0 directory entries)"
        f" and {done.dropped_bytes} bytes\n"
    )


def _reblock(path: str) -> None:
    write_stdout("reblock start 8000000000000000:0000\nfree level 0/8388608\n")
    fs = open_file_system(path, f"Unable to open {path}", f"Reblock {path} failed")
    maintenance.reblock(fs)
    write_stdout(f"Reblock {path} succeeded\nReblocked:\n")
    for kind in ("B-Tree nodes", "B-Tree bytes", "data elements", "data bytes"):
        write_stdout(f"    0/0 {kind}\n")


def _version_upgrade(words: list[str]) -> None:
    if len(words) not in (2, 3) or words[2:] not in ([], ["force"]):
        raise CommandError("hammer version-upgrade: expected <fs> vers# [force]")
    unopened = f"hammer version-upgrade: unable to access {words[0]}"
    fs = open_file_system(words[0], unopened, "hammer ioctl")
    version = int(words[1]) if words[1].isdecimal() else 0
    if not int(fs.volume()["version"]) <= version <= max(VERSIONS):
        raise CommandError("hammer version-upgrade ioctl")
    maintenance.set_version(fs, version)
    write_stdout("hammer version-upgrade: succeeded\n")
