"""Defines the facts from which provision makes its plan: what both ends and this machine hold."""

from dataclasses import dataclass
from enum import StrEnum
from posixpath import dirname, join, normpath

from hammerd.core.hammer.pfs_links import LinkedPfs, is_untranslated_link, parse_link_text
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.host import Host
from hammerd.core.pairs import Endpoint
from hammerd.core.plans.record import PlanRecord
from hammerd.core.tid import NEVER_MIRRORED


class Kind(StrEnum):
    """The kind of file at a path; UNSEEN: its host could not be asked."""

    MISSING = "missing"
    DIRECTORY = "a directory"
    SYMLINK = "a symlink"
    FILE = "a file"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class PathFact:
    """A path, its kind, the text of a symlink, and whether a directory is empty."""

    path: str
    kind: Kind
    text: str = ""
    is_empty: bool = True

    @property
    def points_to(self) -> str:
        """The path to which a symlink points."""
        return normpath(join(dirname(self.path), self.text))

    @property
    def linked(self) -> LinkedPfs | None:
        """The PFS that a softlink names."""
        return parse_link_text(self.text) if self.kind is Kind.SYMLINK else None

    @property
    def is_dead_link(self) -> bool:
        """Whether it is the softlink of a PFS that was destroyed."""
        return self.kind is Kind.SYMLINK and is_untranslated_link(self.text)


@dataclass(frozen=True, slots=True)
class End:
    """One end of the pair.

    `link` is the softlink of its PFS, `place` the mount directory of a master or the symlink to a
    slave; None if the pair names the softlink itself. `above` is the nearest directory that
    exists above the link, None if the link exists, and `above_status` its PFS.
    `place_directory` is the directory of the place. `trouble` is what
    hammer said about a link or a directory that it could not read. `missing_mount` is a file
    system that fstab mounts above the link and that is not mounted; `is_in_fstab`: a boot mounts
    `file_system`.
    """

    endpoint: Endpoint
    link: PathFact
    link_directory: PathFact
    place: PathFact | None = None
    status: PfsStatus | None = None
    place_status: PfsStatus | None = None
    above: str | None = None
    above_status: PfsStatus | None = None
    trouble: str = ""
    missing_mount: str = ""
    file_system: str = ""
    is_in_fstab: bool = True
    is_readable: bool = False
    place_directory: PathFact | None = None

    @property
    def host(self) -> Host:
        """The host on which it is."""
        return self.endpoint.host

    @property
    def is_seen(self) -> bool:
        """Whether its paths could be looked at."""
        return self.link.kind is not Kind.UNSEEN

    @property
    def pfs(self) -> Endpoint:
        """The endpoint by its softlink."""
        return Endpoint(self.link.path, self.host)

    @property
    def is_missing(self) -> bool:
        """Whether the PFS is still to be made."""
        return self.status is None and self.link.kind in (Kind.MISSING, Kind.UNSEEN)

    @property
    def shows_pfs(self) -> bool:
        """Whether its place shows the PFS of the link, through a null mount or a symlink."""
        place = self.place
        if place is None or not self.is_seen:
            return True
        if place.kind is Kind.SYMLINK:
            return place.points_to == self.link.path
        is_directory = place.kind is Kind.DIRECTORY
        return is_directory and is_same_pfs(self.place_status, self.status)


def is_same_pfs(one: PfsStatus | None, other: PfsStatus | None) -> bool:
    """Return whether two readings are of one PFS; its TID may have moved between them."""
    if one is None or other is None:
        return False
    return (one.unique_uuid, one.pfs_id) == (other.unique_uuid, other.pfs_id)


@dataclass(frozen=True, slots=True)
class Writer:
    """A process group that writes to the slave; `is_ours`: a hammerd has started it."""

    pgid: str
    line: str
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class EditableFile:
    """A file that may be edited: its path, its text (None: it is missing), and the wanted one.

    `wanted_text` is None if nothing is to change. `is_edited`: a person asked for it.
    `conflict` tells why it cannot be edited.
    """

    path: str
    text: str | None = None
    wanted_text: str | None = None
    change: tuple[str, ...] = ()
    is_edited: bool = False
    conflict: str = ""


@dataclass(frozen=True, slots=True)
class RunningDaemon:
    """The running hammerd: whether it has the pair, and whether it holds it."""

    has_pair: bool = False
    holds_pair: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """All that provision looks at.

    `has_rights` is False for another user than root where hammer wants root. `schedules` are
    lines of crontabs that start a stream onto the slave, each with its place.
    """

    pair: str
    master: End
    slave: End
    config: EditableFile
    fstab: EditableFile
    daemon: RunningDaemon | None = None
    record: PlanRecord | None = None
    writers: tuple[Writer, ...] = ()
    schedules: tuple[str, ...] = ()
    has_rights: bool = True

    def note(self, name: str) -> str:
        """Return a note of the record, empty without one."""
        return self.record.notes.get(name, "") if self.record is not None else ""

    @property
    def copies(self) -> int:
        """The number of copies that succeeded since the record was written."""
        count = self.note("copied")
        return int(count) if count.isdecimal() else 0

    @property
    def is_mirrored(self) -> bool:
        """Whether the slave holds a readable state of its master."""
        slave = self.slave.status
        return (
            slave is not None
            and slave.sync_end_tid > NEVER_MIRRORED
            and (self.slave.is_readable or not self.slave.is_seen)
        )
