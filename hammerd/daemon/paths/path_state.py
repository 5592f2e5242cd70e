"""The state of a path, parsed from a line of JSON that daemon/paths/probe_program.py writes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from hammerd.core.api.free_space import FreeSpace
from hammerd.core.hammer.pfs_links import LinkedPfs, parse_link_text
from hammerd.core.pair.probe_verdict import FileStat, PathStat

MISSING = FileStat(exists=False)


@dataclass(frozen=True, slots=True)
class PathState:
    """The result of probing one path.

    `operand` is the path to give to hammer; `real` is the same without any symlink on the way, and
    `is_pfs_link`: it is a PFS softlink, so that no other path is the same PFS. `real_file` is the
    file at `real`, and `file_system` its device and fsid, which identify its file system.
    `free_space` is None where the file system does not report it.
    """

    stat: PathStat
    operand: str
    device: int | None
    real: str = ""
    is_pfs_link: bool = False
    real_file: FileStat = MISSING
    file_system: tuple[int | None, ...] = ()
    free_space: FreeSpace | None = None

    @property
    def link(self) -> LinkedPfs | None:
        """The PFS that the softlink names, None for another file or a link to no PFS."""
        return parse_link_text(self.real_file.link_text)

    @property
    def target(self) -> str:
        """The path to give to a stream: later changes of symlinks do not move its writer."""
        return self.real if self.is_pfs_link else self.operand


def parse_path_state(line: bytes) -> PathState | str:
    """Parse a line of probe_program.py; return the avoided path if the probe stopped there.

    Raises:
        ValueError, KeyError: the line is malformed.
    """
    facts = json.loads(line)
    if "avoided" in facts:
        return str(facts["avoided"])
    file_system = facts["file_system"] or {}
    above, real_file = facts["above"], facts["real_file"]
    device = real_file["device"] or above["device"]
    is_read_only = file_system.get("is_read_only")
    return PathState(
        PathStat(str(facts["path"]), _file(facts), _file(above), is_read_only),
        str(facts["operand"]),
        device if isinstance(device, int) else None,
        str(facts["real"]),
        bool(facts["is_pfs_link"]),
        _file(real_file),
        (real_file["device"], file_system.get("fsid")),
        FreeSpace(file_system["free_bytes"], file_system["total_bytes"]) if file_system else None,
    )


def _file(facts: Mapping[str, object]) -> FileStat:
    text, device = facts.get("link_text"), facts.get("device")
    return FileStat(
        facts["errno"] == 0,
        bool(facts["is_symlink"]),
        str(text) if text is not None else None,
        bool(facts["is_directory"]),
        device if isinstance(device, int) else None,
    )
