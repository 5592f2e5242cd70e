"""Looks at paths without going near the loop: a lean child lstats them and writes JSON lines.

    ?PATH NUL    look at a path           @"PATH"        about to touch this
    +PATH NUL    avoid all beneath it     {"path": ...}  what a path is
    ! NUL        avoid nothing any more

A stat of a path on a disk that hangs never returns; here it costs a child. All that is known is
written before anything is touched, so the last path told of is the one that hangs. What a link
leads to is followed step by step: nothing beneath a path that is to be avoided is touched.
Run as a program (python -IS probe_program.py) it answers until its input ends; given paths as
arguments it looks at those and ends. It needs little of the standard library: it stays small.
"""

import os
import stat
import sys

MOST_LINKS = 16
CHUNK_BYTES = 64 << 10


class AvoidedError(Exception):
    """A path leads to a place that is to be avoided; `place` names that."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


class PathProbe:
    """Looks at paths, and tells before each thing that it touches; remembers directories."""

    def __init__(self, *, tells: bool) -> None:
        self._tells = tells
        self._unwritten = b""
        self._found: dict[str, dict[str, object]] = {}
        self._rooms: dict[str, dict[str, object] | None] = {}
        self.avoided: set[str] = set()

    def look(self, path: str) -> dict[str, object]:
        """Return what a path is: lstat's errno, its kind, a link's text, and the same one above.

        `operand` is what hammer must be given, `real` the same without any symlink on the way to
        it, and `end` is what is there. `room` is that of its file system.
        """
        end = self._operand(path)
        directory = self._real_directory(_above(end))
        real = os.path.join(directory, os.path.basename(end.rstrip("/")))
        at_end = self._facts(real)
        return {
            "path": path,
            "operand": end,
            "real": real,
            "is_pfs_link": str(at_end.get("link_text") or "").startswith("@@"),
            **self._facts(path),
            "above": self._facts(_above(path)),
            "end": at_end,
            # A slave's softlink leads nowhere before its first mirroring.
            "room": self._room(real if at_end["is_directory"] else directory),
        }

    def answer(self, path: str) -> None:
        """Write what a path is, or which place was avoided on the way to it."""
        try:
            found = self.look(path)
        except AvoidedError as error:
            found = {"path": path, "avoided": error.place}
        self._unwritten += (as_json(found) + "\n").encode()
        if not self._tells:
            self.flush()

    def flush(self) -> None:
        """Write all that is known."""
        while self._unwritten:
            self._unwritten = self._unwritten[os.write(1, self._unwritten) :]

    def forget(self) -> None:
        """Look at everything anew from now on."""
        self._found.clear()
        self._rooms.clear()

    def _operand(self, path: str) -> str:
        """Follow symlinks up to a PFS softlink, which hammer must be given itself.

        A symlink to a PFS softlink is only opened plainly, and fails until the slave was mirrored
        to for the first time (docs/hammer.md 1.4).
        """
        at = path
        for _ in range(MOST_LINKS):
            text = self._facts(at).get("link_text")
            if not isinstance(text, str) or text.startswith("@@"):
                return at
            at = os.path.normpath(os.path.join(os.path.dirname(at), text))
        return path

    def _real_directory(self, path: str) -> str:
        """Resolve every symlink on the way to a directory but those of PFSs."""
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

    def _facts(self, path: str) -> dict[str, object]:
        """Return what lstat says of a path, all symlinks above it followed step by step."""
        name = os.path.basename(path.rstrip("/"))
        return self._lstat(os.path.join(self._real_directory(_above(path)), name))

    def _lstat(self, real: str) -> dict[str, object]:
        if real not in self._found:
            self._touch(real)
            self._found[real] = _lstat(real)
        return self._found[real]

    def _room(self, directory: str) -> dict[str, object] | None:
        if directory not in self._rooms:
            self._touch(directory)
            self._rooms[directory] = _room(directory)
        return self._rooms[directory]

    def _touch(self, real: str) -> None:
        for place in self.avoided:
            if real == place or real.startswith(place.rstrip("/") + "/"):
                raise AvoidedError(place)
        if self._tells:
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


def _room(directory: str) -> dict[str, object] | None:
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
    """Turn what a look found into JSON."""
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
    """Answer what is asked until the input ends."""
    looker, asked = PathProbe(tells=True), b""
    while data := os.read(0, CHUNK_BYTES):
        *records, asked = (asked + data).split(b"\0")
        looker.forget()
        for record in records:
            _obey(looker, os.fsdecode(record))
        looker.flush()


def _obey(looker: PathProbe, record: str) -> None:
    match record[:1]:
        case "?":
            looker.answer(record[1:])
        case "+":
            looker.avoided.add(record[1:])
        case _:
            looker.avoided.clear()


if __name__ == "__main__":
    if sys.argv[1:]:
        looker = PathProbe(tells=False)
        for path in sys.argv[1:]:
            looker.answer(path)
    else:
        serve()
