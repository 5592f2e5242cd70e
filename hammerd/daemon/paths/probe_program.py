"""Probes paths in a lean child process: calls lstat and writes JSON lines.

    ?PATH NUL    probe a path                 @"PATH"        it touches this path next
    +PATH NUL    avoid this path and below    {"path": ...}  the state of a path
    ! NUL        avoid no path any more

A stat of a path on a disk that hangs never returns; here only this child hangs. Each path is
printed before it is touched, so the last one printed is the one that hangs. Symlinks are followed
step by step, so that no path below an avoided one is touched.
Run as a program (python -IS probe_program.py) it answers until its input ends; with paths as
arguments it probes those and exits. It imports little of the standard library, to stay small.
"""

import os
import stat
import sys

MOST_LINKS = 16
CHUNK_BYTES = 64 << 10


class AvoidedError(Exception):
    """A path leads through an avoided path."""

    def __init__(self, avoided: str) -> None:
        super().__init__(avoided)
        self.avoided = avoided


class PathProbe:
    """Probes paths, and caches what lstat and statvfs returned."""

    def __init__(self, *, prints_touched: bool) -> None:
        self._prints_touched = prints_touched
        self._unwritten = b""
        self._files: dict[str, dict[str, object]] = {}
        self._file_systems: dict[str, dict[str, object] | None] = {}
        self.avoided: set[str] = set()

    def probe(self, path: str) -> dict[str, object]:
        """Return lstat's errno, the kind and the link text of a path, and `above`: its parent's.

        `operand` is the path to give to hammer, `real` the same without any symlink on the way to
        it, and `real_file` the file there. `file_system` is that of `real`.
        """
        operand = self._operand(path)
        directory = self._real_directory(_above(operand))
        real = os.path.join(directory, os.path.basename(operand.rstrip("/")))
        real_file = self._file(real)
        return {
            "path": path,
            "operand": operand,
            "real": real,
            "is_pfs_link": str(real_file.get("link_text") or "").startswith("@@"),
            **self._file(path),
            "above": self._file(_above(path)),
            "real_file": real_file,
            # A slave's softlink leads nowhere before its first mirroring.
            "file_system": self._file_system(real if real_file["is_directory"] else directory),
        }

    def answer(self, path: str) -> None:
        """Write the state of a path, or the avoided path on the way to it."""
        try:
            found = self.probe(path)
        except AvoidedError as error:
            found = {"path": path, "avoided": error.avoided}
        self._unwritten += (as_json(found) + "\n").encode()
        if not self._prints_touched:
            self.flush()

    def flush(self) -> None:
        """Write the pending output."""
        while self._unwritten:
            self._unwritten = self._unwritten[os.write(1, self._unwritten) :]

    def forget(self) -> None:
        """Clear the caches."""
        self._files.clear()
        self._file_systems.clear()

    def _operand(self, path: str) -> str:
        """Follow symlinks up to a PFS softlink, which is the operand that hammer needs.

        hammer opens a symlink to a PFS softlink as a plain file, which fails before the first
        mirroring to the slave (docs/hammer.md 1.4).
        """
        at = path
        for _ in range(MOST_LINKS):
            text = self._file(at).get("link_text")
            if not isinstance(text, str) or text.startswith("@@"):
                return at
            at = os.path.normpath(os.path.join(os.path.dirname(at), text))
        return path

    def _real_directory(self, path: str) -> str:
        """Resolve every symlink on the way to a directory, except PFS softlinks."""
        at, links = "/", 0
        names = path.split("/")[::-1]
        while names:
            name = names.pop()
            if name == "..":
                at = os.path.dirname(at)
            elif name not in ("", "."):
                here = os.path.join(at, name)
                text = self._lstat(here).get("link_text")
                if not isinstance(text, str) or text.startswith("@@") or links == MOST_LINKS:
                    at = here
                    continue
                links += 1
                at = "/" if text.startswith("/") else at
                names += text.split("/")[::-1]
        return at

    def _file(self, path: str) -> dict[str, object]:
        """Return the lstat of a path; follow the symlinks above it step by step."""
        name = os.path.basename(path.rstrip("/"))
        return self._lstat(os.path.join(self._real_directory(_above(path)), name))

    def _lstat(self, real: str) -> dict[str, object]:
        if real not in self._files:
            self._prepare_touch(real)
            self._files[real] = _lstat(real)
        return self._files[real]

    def _file_system(self, directory: str) -> dict[str, object] | None:
        if directory not in self._file_systems:
            self._prepare_touch(directory)
            self._file_systems[directory] = _statvfs(directory)
        return self._file_systems[directory]

    def _prepare_touch(self, real: str) -> None:
        for avoided in self.avoided:
            if real == avoided or real.startswith(avoided.rstrip("/") + "/"):
                raise AvoidedError(avoided)
        if self._prints_touched:
            self._unwritten += f"@{_text(real)}\n".encode()
            self.flush()


def _lstat(path: str) -> dict[str, object]:
    try:
        found = os.lstat(path)
        text = os.readlink(path) if stat.S_ISLNK(found.st_mode) else None
    except OSError as error:
        return {"errno": error.errno, "is_symlink": False, "is_directory": False, "device": None}
    return {
        "errno": 0,
        "device": found.st_dev,
        "inode": found.st_ino,
        "is_symlink": text is not None,
        "is_directory": stat.S_ISDIR(found.st_mode),
        "link_text": text,
    }


def _statvfs(directory: str) -> dict[str, object] | None:
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return {
        "free_bytes": found.f_bavail * found.f_frsize,
        "total_bytes": found.f_blocks * found.f_frsize,
        "is_read_only": bool(found.f_flag & os.ST_RDONLY),
        "fsid": getattr(found, "f_fsid", None),
    }


def _above(path: str) -> str:
    return os.path.dirname(path.rstrip("/")) or "/"


# --- JSON without its module, which would cost a megabyte ---------------------------------------


def as_json(value: object) -> str:
    """Return a value as JSON."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case dict():
            return "{" + ", ".join(f"{_text(k)}: {as_json(v)}" for k, v in value.items()) + "}"
        case str():
            return _text(value)
        case _:
            return str(value)


def _text(value: str) -> str:
    return '"' + "".join(map(_letter, value)) + '"'


def _letter(letter: str) -> str:
    if " " <= letter <= "~" and letter not in '"\\':
        return letter
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


# --- as a program ------------------------------------------------------------------------------


def serve() -> None:
    """Answer requests until the input ends."""
    probe, unread = PathProbe(prints_touched=True), b""
    while data := os.read(0, CHUNK_BYTES):
        *records, unread = (unread + data).split(b"\0")
        probe.forget()
        for record in records:
            _handle(probe, os.fsdecode(record))
        probe.flush()


def _handle(probe: PathProbe, record: str) -> None:
    match record[:1]:
        case "?":
            probe.answer(record[1:])
        case "+":
            probe.avoided.add(record[1:])
        case _:
            probe.avoided.clear()


if __name__ == "__main__":
    if sys.argv[1:]:
        single_probe = PathProbe(prints_touched=False)
        for path in sys.argv[1:]:
            single_probe.answer(path)
    else:
        serve()
