"""The commands synctid and version (docs/hammer.md 3.5)."""

from hammerd.simulator.kernel.flush.sync import flush, synctid
from hammerd.simulator.runtime.console import CommandError, CommandExit, write_stderr, write_stdout
from hammerd.simulator.utility.arguments.options import Options
from hammerd.simulator.utility.arguments.paths import open_file_system

VERSIONS = {
    1: "First HAMMER release (DragonFly 2.0+)",
    2: "New directory entry layout (DragonFly 2.3+)",
    3: "New snapshot management (DragonFly 2.5+)",
    4: "New undo/flush, faster flush/sync (DragonFly 2.5+)",
    5: "Adjustments for dedup support (DragonFly 2.9+)",
    6: "Directory Hash ALG1 (tmp/rename resistance)",
    7: "Use ISCSI CRC (faster than original crc32)",
}


def run(options: Options, command: str, words: list[str]) -> None:
    """Run synctid or version."""
    if command == "synctid":
        _synctid(words)
    else:
        _version(words, quiet=bool(options.quiet))


def _synctid(words: list[str]) -> None:
    if len(words) not in (1, 2) or words[1:] not in ([], ["quick"]):
        write_stderr("hammer synctid <filesystem> [quick]\n")
        raise CommandExit(1)
    failed = f"Synctid {words[0]} failed"
    fs = open_file_system(words[0], f"Unable to open {words[0]}", failed)
    try:
        if fs.has_turned_read_only():
            fs.check_writable()
        if fs.is_set("flush_steps"):
            tid = synctid(fs)
        else:
            flush(fs)
            with fs.locked():
                tid = fs.move_tid()
    except OSError as refused:
        raise CommandError(failed, refused) from refused
    tid += int(fs.knob("synctid_ahead") or "0", 0)
    write_stdout(f"{tid:#018x}\n")


def _version(words: list[str], *, quiet: bool) -> None:
    if len(words) != 1:
        raise CommandError("hammer version - expected a single <fs> path arg")
    unopened = f"hammer version: unable to access {words[0]}"
    fs = open_file_system(words[0], unopened, "hammer version ioctl")
    current = int(fs.volume()["version"])
    write_stdout(f'min=1 wip=none max=7 current={current} description="{VERSIONS[current]}"\n')
    if quiet:
        return
    write_stdout("available versions:\n")
    for number, description in VERSIONS.items():
        write_stdout(f"    {number}\tNORM\t{description}\n")
