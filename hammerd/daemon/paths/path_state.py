"""The state of a path, as a value; daemon/paths/probe_program.py writes it as a line of JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from hammerd.core.api.free_space import FreeSpace
from hammerd.core.hammer.pfs_links import LinkedPfs, parse_link_text
from hammerd.core.pair.probe_verdict import FileLook, PathLook

NOTHING = FileLook(exists=False)


@dataclass(frozen=True, slots=True)
class PathState:
    """What a look found at one path.

    `operand` is the path that hammer must be given; `real` the same without any symlink on the
    way, and `is_pfs_link` whether it is a PFS softlink, so that no other path is the same PFS.
    `end` is what is at `real`, and `file_system` what tells its file system from any other:
    device and fsid. `room` is None where the file system does not tell it.
    """

    look: PathLook
    operand: str
    device: int | None
    real: str = ""
    is_pfs_link: bool = False
    end: FileLook = NOTHING
    file_system: tuple[int | None, ...] = ()
    room: FreeSpace | None = None

    @property
    def link(self) -> LinkedPfs | None:
        """Return what the PFS softlink says, None where there is none, or no PFS behind it."""
        return parse_link_text(self.end.link_text)

    @property
    def target(self) -> str:
        """Return what a stream is to be given, so that no link turned later moves its writer."""
        return self.real if self.is_pfs_link else self.operand


def parse_path_state(line: bytes) -> PathState | str:
    """Read a line of probe_program.py; return the avoided place where the path led to one.

    Raises:
        ValueError, KeyError: it makes no sense.
    """
    facts = json.loads(line)
    if "avoided" in facts:
        return str(facts["avoided"])
    room = facts["room"] or {}
    at_path, above, end = facts, facts["above"], facts["end"]
    device = end["device"] or above["device"]
    return PathState(
        PathLook(str(facts["path"]), _file(at_path), _file(above), room.get("is_read_only")),
        str(facts["operand"]),
        device if isinstance(device, int) else None,
        str(facts["real"]),
        bool(facts["is_pfs_link"]),
        _file(end),
        (end["device"], room.get("fsid")),
        FreeSpace(room["free_bytes"], room["total_bytes"]) if room else None,
    )


def _file(facts: Mapping[str, object]) -> FileLook:
    text, device = facts.get("link_text"), facts.get("device")
    return FileLook(
        facts["errno"] == 0,
        bool(facts["is_symlink"]),
        str(text) if text is not None else None,
        bool(facts["is_directory"]),
        device if isinstance(device, int) else None,
    )
