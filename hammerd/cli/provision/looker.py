"""Gathers the facts of provision: both ends, fstab, other streams, the record, the daemon."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from hammerd.cli.check.path_check import HAS_PFS_DEVICES
from hammerd.cli.doctor.end_checks import PATH_CAUSES
from hammerd.cli.doctor.ssh.far_end import read_pfs
from hammerd.cli.doctor.system.machine import Machine
from hammerd.cli.doctor.system.other_streams import OtherStreams
from hammerd.cli.options.location import Location
from hammerd.cli.output.failures import may_be_absent
from hammerd.cli.plans.commands import Programs
from hammerd.cli.plans.files import read_text
from hammerd.cli.provision.pair_origin import PairOrigin
from hammerd.cli.provision.survey import Seen, Survey
from hammerd.core.api.protocol import Request, Verb
from hammerd.core.errors import HammerdError
from hammerd.core.hammer.messages import Complaint
from hammerd.core.hammer.pfs_status import PfsStatus
from hammerd.core.hosts.host import THIS_HOST
from hammerd.core.pair.probe_verdict import ProbeFailed
from hammerd.core.pairs import Endpoint
from hammerd.core.plans.provision_facts import (
    EditableFile,
    End,
    Facts,
    Kind,
    PathFact,
    RunningDaemon,
    Writer,
)
from hammerd.core.plans.provision_paths import EndPaths, find_paths
from hammerd.core.plans.record import PlanRecord
from hammerd.core.system import fstab as fstab_lines


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of the command line beside the pair: softlinks, and the files to edit."""

    master_pfs: str | None = None
    slave_pfs: str | None = None
    edits_fstab: bool = False
    fstab: str = "/etc/fstab"


def has_rights() -> bool:
    """Return whether hammer makes PFSs for this user; the simulator does for everybody."""
    return os.geteuid() == 0 or not HAS_PFS_DEVICES


class Looker:
    """Looks at all that provision of one pair depends on."""

    def __init__(
        self,
        origin: PairOrigin,
        wishes: Wishes,
        location: Location,
        read_record: Callable[[], PlanRecord | None],
        make_machine: Callable[[], Machine] = lambda: Machine(THIS_HOST),
    ) -> None:
        self._origin = origin
        self._pair = origin.pair
        self._wishes = wishes
        self._location = location
        self._read_record = read_record
        self._make_machine = make_machine
        self._programs = Programs(origin.config.daemon.hammer)
        self._surveys = {
            host: Survey(host, self._programs, wishes.fstab if host == THIS_HOST else "/etc/fstab")
            for host in (self._pair.master.host, self._pair.slave.host)
            if host.administered is not None
        }
        self._paths = {
            "master": self._find_paths(self._pair.master, wishes.master_pfs),
            "slave": self._find_paths(self._pair.slave, wishes.slave_pfs),
        }

    def look(self) -> Facts:
        """Return the facts of this moment."""
        # The slave first: a stream that runs must not make it seem ahead of its master.
        slave = self._end("slave", self._pair.slave)
        master = self._end("master", self._pair.master)
        streams, at = self._streams(), self._slave_names()
        scheduled = tuple(f"{each.place}: {each.line}" for each in streams.scheduled(*at))
        groups = {each.place: each for each in streams.running(*at)}
        return Facts(
            self._pair.name,
            master,
            slave,
            self._config(),
            self._fstab(master),
            self._daemon(),
            self._read_record(),
            tuple(Writer(pgid, each.line, streams.is_ours(each)) for pgid, each in groups.items()),
            scheduled,
            has_rights=has_rights(),
        )

    def copies(self) -> tuple[str, ...]:
        """Return the process groups of mirror-copies onto the slave."""
        running = self._streams().running(*self._slave_names())
        return tuple({each.place: None for each in running if "mirror-copy" in each.line})

    def _streams(self) -> OtherStreams:
        return OtherStreams(self._make_machine(), self._origin.config.daemon.run_dir)

    def _slave_names(self) -> tuple[Endpoint, str]:
        """Return the slave as the pair names it, and its softlink on this machine."""
        slave, paths = self._pair.slave, self._paths["slave"]
        return slave, paths.link if paths is not None and slave.host == THIS_HOST else ""

    def _find_paths(self, endpoint: Endpoint, wanted: str | None) -> EndPaths | None:
        survey = self._surveys.get(endpoint.host)
        if survey is None:
            return EndPaths(wanted or endpoint.path, None)
        named = tuple(filter(None, (endpoint.path, wanted)))
        return find_paths(endpoint.path, wanted, survey.tables(named))

    def _end(self, name: str, endpoint: Endpoint) -> End:
        survey, paths = self._surveys.get(endpoint.host), self._paths[name]
        if paths is None:
            trouble = f"no HAMMER file system is mounted above it; --{name}-pfs names its softlink"
            return _unknown_end(endpoint, trouble)
        if survey is None:
            return _unseen_end(endpoint, paths)
        seen = survey.look(paths, is_slave=name == "slave")
        return _seen_end(endpoint, paths, seen)

    def _config(self) -> EditableFile:
        """Return the edit of the config; none is left once the file has its text."""
        file = self._origin.file
        is_done = file.wanted_text is not None and read_text(file.path) == file.wanted_text
        return replace(file, wanted_text=None, change=()) if is_done else file

    def _fstab(self, master: End) -> EditableFile:
        """Return the edit of fstab; none for a master without a null mount, or elsewhere."""
        path, place = self._wishes.fstab, master.place
        file = EditableFile(path, is_edited=self._wishes.edits_fstab)
        if place is None or master.host != THIS_HOST or place.kind is Kind.SYMLINK:
            return file
        if not fstab_lines.can_hold(master.link.path, place.path):
            return replace(file, conflict="no line of it can hold a path with a blank")
        text = read_text(path)
        lines = fstab_lines.find_lines(text or "", place.path)
        if not lines:
            wanted = fstab_lines.with_null_mount(text or "", master.link.path, place.path)
            shown = fstab_lines.null_mount_line(master.link.path, place.path).expandtabs()
            change = (f"+ {shown}",)
            return replace(file, text=text, wanted_text=wanted, change=change)
        names = (master.link.path, master.link.points_to)
        for line in lines:
            if not fstab_lines.is_null_mount(line, names):
                shown = f"{line.what} {line.where} {line.kind} {','.join(sorted(line.options))}"
                return replace(file, conflict=f"another line is for that directory: {shown}")
        return file

    def _daemon(self) -> RunningDaemon | None:
        """Return what the running hammerd knows of the pair, None if none runs."""
        try:
            status = self._location.send(Request(Verb.STATUS))
        except HammerdError as error:
            if not may_be_absent(error):
                raise
            return None
        pairs = status.get("pairs")
        for each in pairs if isinstance(pairs, list) else ():
            if each.get("pair") == self._pair.name:
                return RunningDaemon(has_pair=True, holds_pair=bool(each.get("hold")))
        return RunningDaemon()


def _unknown_end(endpoint: Endpoint, trouble: str) -> End:
    """Return an end whose softlink is not known."""
    directory = PathFact(os.path.dirname(endpoint.path), Kind.MISSING)
    return End(endpoint, PathFact(endpoint.path, Kind.MISSING), directory, trouble=trouble)


def _seen_end(endpoint: Endpoint, paths: EndPaths, seen: Seen) -> End:
    statuses = seen.statuses
    return End(
        endpoint,
        seen.link,
        seen.link_directory,
        seen.place,
        statuses.get(paths.link) if seen.above is None else None,
        statuses.get(paths.place) if paths.place else None,
        seen.above,
        statuses.get(seen.above) if seen.above else None,
        seen.trouble,
        paths.missing_mount,
        paths.file_system,
        paths.is_in_fstab,
        seen.is_readable,
        seen.place_directory,
    )


def _unseen_end(endpoint: Endpoint, paths: EndPaths) -> End:
    """Return an end of which only a pfs-status can tell."""
    link = PathFact(paths.link, Kind.UNSEEN)
    directory = PathFact(os.path.dirname(paths.link), Kind.UNSEEN)
    result = read_pfs(Machine(endpoint.host), Endpoint(paths.link, endpoint.host))
    if isinstance(result, PfsStatus):
        return End(endpoint, link, directory, status=result)
    why = result.why if isinstance(result, ProbeFailed) else None
    if isinstance(why, Complaint):
        is_missing = why.name in PATH_CAUSES
        return End(endpoint, link, directory, trouble="" if is_missing else why.text)
    return End(endpoint, link, directory, trouble=str(why or "it is a master by its link"))
