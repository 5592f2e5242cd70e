"""Reads the key `rotate` of a pair: the slaves that take turns, and are not all there.

    rotate = true                                    any slave of the master that is at `slave`
    rotate = ["/Backup2/pfs/test", "/Backup3/pfs/test"]   the same at each of these paths
    rotate = ["0eb1...", "5c2a..."]                  slaves with these unique-uuids at `slave`

A list may have paths and uuids. `slave` may stand in it or not; without `slave` the first path is
the slave.
"""

import re
from dataclasses import replace

from hammerd.core.config.endpoints import read_endpoint
from hammerd.core.config.values import InvalidValue, Problem, read_text, show_value
from hammerd.core.pairs import NO_ROTATION, Rotation

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FORMS = 'write true, or a list of paths and of unique-uuids that "hammer pfs-status" prints'


def read_rotation(value: object) -> Rotation:
    """Read true, false, or a list of paths and unique-uuids.

    Raises:
        InvalidValue: with all its problems.
    """
    if isinstance(value, bool):
        return Rotation(takes_turns=True) if value else NO_ROTATION
    if not isinstance(value, list):
        raise InvalidValue(Problem("must be true, false or an array", _FORMS))
    if not value:
        raise InvalidValue(Problem("names no slave", _FORMS))
    paths: list[str] = []
    uuids: list[str] = []
    problems: list[Problem] = []
    for entry in value:
        try:
            known, name = _read_entry(entry, paths, uuids)
        except InvalidValue as error:
            problems += (replace(each, what=_about(entry, each.what)) for each in error.problems)
            continue
        if name in known:
            problems.append(Problem(_about(entry, "is given twice"), "name each slave once"))
        known.append(name)
    if problems:
        raise InvalidValue(*problems)
    return Rotation(takes_turns=True, paths=tuple(paths), unique_uuids=tuple(uuids))


def _read_entry(entry: object, paths: list[str], uuids: list[str]) -> tuple[list[str], str]:
    """Return the list to which an entry belongs, and its text there."""
    text = read_text(entry)
    if _UUID.fullmatch(text.lower()):
        return uuids, text.lower()
    if "/" not in text:
        raise InvalidValue(Problem("is no path and no unique-uuid", _FORMS))
    slave = read_endpoint(text)
    if not slave.host.shares_paths:
        hint = "make a pair for each slave on another host"
        raise InvalidValue(Problem("is on another host: only disks of this one take turns", hint))
    return paths, slave.path


def _about(entry: object, what: str) -> str:
    return f"{show_value(entry)} {what}"


def show_rotation(rotation: Rotation) -> str:
    """Return a rotation as it is written in TOML."""
    if not rotation.takes_turns:
        return "false"
    listed = (*rotation.paths, *rotation.unique_uuids)
    return show_value(listed) if listed else "true"
