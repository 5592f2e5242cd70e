"""Looks at one end of a pair: its softlink, its PFS and its file system.

A disk that hangs holds up a child only. The softlink tells the role and a slave's TID, and
PFS#0 of the file system its newest TID; a pfs-status of a promoted slave would overwrite its
stored TID (docs/hammer.md 1.7).
"""

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hammerd.cli.check.bounded_command import CommandResult, run_command
from hammerd.cli.check.endpoint_check import pfs_status_result
from hammerd.cli.check.path_check import probe_paths
from hammerd.cli.plans.commands import Programs
from hammerd.cli.plans.roles.open_files import find_open_files
from hammerd.core.hammer.commands import pfs_status_argv
from hammerd.core.hammer.pfs_links import is_untranslated_link, parse_link_text
from hammerd.core.hammer.pfs_status import ROOT_PFS, PfsStatus
from hammerd.core.pairs import Endpoint
from hammerd.core.plans.roles.facts import End, Role
from hammerd.core.system.mounts import parse_mounts

if TYPE_CHECKING:
    from hammerd.daemon.paths.path_state import PathState

COMMAND_TIMEOUT_S = 10.0
LOGIN_TIMEOUT_S = 25.0
HANGS = "it does not answer within {seconds:g} s: does its disk hang?"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The facts of an end that are wanted beside its role and TID.

    `has_status`: uuids, by a pfs-status, unless `only_of_slave` and it is a master. `is_read`:
    whether its root can be listed. An end with one of the roles `open_files_as` is asked who holds
    its files, and one with `proof_as` whether it has the file `proof`.
    """

    has_status: bool = False
    only_of_slave: bool = False
    is_read: bool = False
    open_files_as: frozenset[Role] = frozenset()
    proof: str = ""
    proof_as: Role | None = None


def list_mounts(programs: Programs) -> CommandResult:
    """Return the output of mount(8) on this machine."""
    return run_command(("mount",), COMMAND_TIMEOUT_S, programs.env)


def look_at(endpoint: Endpoint, wanted: Wanted, programs: Programs, mounted: CommandResult) -> End:
    """Return an endpoint as it is now; `mounted` is the output of mount(8) on this machine."""
    if not endpoint.host.shares_paths:
        return _with_proof(_far_end(endpoint, programs), wanted, programs)
    return _LocalLook(wanted, programs, mounted).end(endpoint)


class _LocalLook:
    """A look at an end on this machine."""

    def __init__(self, wanted: Wanted, programs: Programs, mounted: CommandResult) -> None:
        self._wanted = wanted
        self._programs = programs
        self._mounted_now = mounted

    def end(self, endpoint: Endpoint) -> End:
        path = endpoint.path
        state = probe_paths((path,)).get(path)
        if state is None:
            return End(endpoint, trouble=HANGS.format(seconds=3.0), hangs=True)
        if state.is_pfs_link:
            return self._linked(endpoint, state.real, state)
        if not state.real_file.exists:
            return self._missing(endpoint, path)
        return self._mounted(endpoint)

    def _missing(self, endpoint: Endpoint, path: str) -> End:
        """Return an end without a softlink; is its file system there?"""
        end = End(endpoint, link=path, directory=os.path.dirname(path))
        trouble = f"{path} is missing: is its file system mounted?"
        above = end.directory
        while above != "/" and self._run(("ls", "-d", above)).status != 0:
            above = os.path.dirname(above)
        root = self._status(above)
        is_there = isinstance(root, PfsStatus) and root.pfs_id == ROOT_PFS
        has_directory = above == end.directory
        return replace(end, trouble=trouble, is_missing=is_there, has_directory=has_directory)

    def _mounted(self, endpoint: Endpoint) -> End:
        """Return an end that is named by a null mount, or by a directory in one."""
        found = self._status(endpoint.path)
        if isinstance(found, str):
            return End(endpoint, trouble=found)
        if found.pfs_id == ROOT_PFS:
            because = "it is in PFS#0: its null mount is missing, or it is no PFS"
            return End(endpoint, trouble=because)
        link = self._softlink(endpoint.path, found)
        if link is None:
            end = End(endpoint, _role(found), pfs_id=found.pfs_id)
            return _with_uuids(end, found)
        return self._linked(endpoint, link.real, link)

    def _linked(self, endpoint: Endpoint, link: str, state: "PathState") -> End:
        directory = os.path.dirname(link)
        end = End(endpoint, link=link, directory=directory)
        if is_untranslated_link(state.real_file.link_text):
            because = f"{link} leads to no PFS: it was destroyed, or cut off"
            return replace(end, role=Role.GONE, trouble=because)
        pfs = state.link
        if pfs is None:
            return replace(end, trouble=f"{link} is no softlink of a PFS")
        role = Role.MASTER if pfs.is_master else Role.SLAVE
        end = replace(end, role=role, pfs_id=pfs.pfs_id, tid=pfs.tid)
        root = self._status(directory)
        if isinstance(root, str):
            return replace(end, trouble=root, hangs="hang" in root)
        return self._with_more(replace(end, system_tid=root.sync_end_tid))

    def _with_more(self, end: End) -> End:
        wanted = self._wanted
        if wanted.has_status and not (wanted.only_of_slave and end.role is Role.MASTER):
            found = self._status(end.link)
            if isinstance(found, str):
                return replace(end, trouble=found)
            end = _with_uuids(end, found)
        end = _with_mounts(end, self._mounted_now)
        if end.role in wanted.open_files_as:
            end = replace(end, open_files=find_open_files(f"{end.link}/.", self._programs.env))
        if wanted.is_read:
            listed = self._run(("ls", f"{end.link}/"))
            end = replace(end, is_readable=listed.status == 0)
        return _with_proof(end, wanted, self._programs)

    def _softlink(self, mounted: str, found: PfsStatus) -> "PathState | None":
        """Return the softlink of a PFS that is null-mounted; None if it is not found."""
        for directory in self._likely_directories(mounted):
            listed = self._run(("find", directory, "-maxdepth", "2", "-type", "l"))
            links = probe_paths(tuple(sorted(listed.text.splitlines())))
            for state in links.values():
                if state.link is not None and state.link.pfs_id == found.pfs_id:
                    status = self._status(state.real)
                    if isinstance(status, PfsStatus) and status.unique_uuid == found.unique_uuid:
                        return state
        return None

    def _likely_directories(self, mounted: str) -> tuple[str, ...]:
        """Return where softlinks of a null mount may be: beside its source, or above itself."""
        mounts = parse_mounts(self._mounted_now.text)
        sources = [os.path.dirname(each.what) for each in mounts if each.where == mounted]
        above = os.path.dirname(mounted)
        likely = dict.fromkeys((*sources, above, os.path.dirname(above)))
        # Below / there are all disks, and one of them may hang.
        return tuple(directory for directory in likely if directory != "/")

    def _status(self, path: str) -> PfsStatus | str:
        argv = pfs_status_argv(self._programs.hammer, (Endpoint(path),))
        return _status_of(run_command(argv, COMMAND_TIMEOUT_S, self._programs.env))

    def _run(self, words: tuple[str, ...]) -> CommandResult:
        return run_command(words, COMMAND_TIMEOUT_S, self._programs.env)


def _far_end(endpoint: Endpoint, programs: Programs) -> End:
    """Return an end on another host, by hammer over there: no softlink can be read."""
    host = endpoint.host.administered or endpoint.host
    far = Endpoint(endpoint.path, host)
    done = run_command(pfs_status_argv(programs.hammer, (far,)), LOGIN_TIMEOUT_S, programs.env)
    found = _status_of(done)
    if isinstance(found, str):
        return End(endpoint, trouble=found)
    directory = os.path.dirname(far.path.rstrip("/"))
    end = End(endpoint, _role(found), link=far.path, directory=directory, pfs_id=found.pfs_id)
    end = _with_uuids(end, found)
    if endpoint.host.administered is not None:
        mount = run_command(host.program(("mount",)), LOGIN_TIMEOUT_S, programs.env)
        end = _with_mounts(end, mount)
    if found.is_master:
        return replace(end, system_tid=found.sync_end_tid)
    argv = pfs_status_argv(programs.hammer, (Endpoint(directory, host),))
    root = _status_of(run_command(argv, LOGIN_TIMEOUT_S, programs.env))
    system_tid = root.sync_end_tid if isinstance(root, PfsStatus) else None
    return replace(end, tid=found.sync_end_tid, system_tid=system_tid)


def _status_of(done: CommandResult) -> PfsStatus | str:
    found = pfs_status_result(done)
    if isinstance(found, PfsStatus):
        return found
    if done.is_late:
        return "hammer pfs-status does not come back: does its disk hang?"
    last = (done.start_error or done.error_text or done.text).strip().rpartition("\n")[2]
    return last or "hammer pfs-status told nothing"


def _with_mounts(end: End, listed: CommandResult) -> End:
    """Return an end with its null mounts, as mount(8) lists them."""
    if listed.status != 0:
        because = listed.start_error or listed.error_text.strip() or "mount does not come back"
        return replace(end, mounts_unknown_because=because)
    mounts = tuple(
        each.where
        for each in parse_mounts(listed.text)
        if os.path.dirname(each.what) == end.directory
        and (pfs := parse_link_text(each.what)) is not None
        and pfs.pfs_id == end.pfs_id
    )
    return replace(end, mounts=mounts)


def _with_proof(end: End, wanted: Wanted, programs: Programs) -> End:
    host = end.endpoint.host.administered
    if end.role is not wanted.proof_as or host is None:
        return end
    path = f"{end.link}/{wanted.proof}"
    done = run_command(host.program(("ls", path)), LOGIN_TIMEOUT_S, programs.env)
    return replace(end, proof=path if done.status == 0 else None)


def _role(status: PfsStatus) -> Role:
    return Role.MASTER if status.is_master else Role.SLAVE


def _with_uuids(end: End, status: PfsStatus) -> End:
    return replace(end, shared_uuid=status.shared_uuid, unique_uuid=status.unique_uuid)
