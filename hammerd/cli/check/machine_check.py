"""Holds a config against this machine: its hammer, its groups, its file systems.

Where there is no hammer the config is checked on another machine than it is for, and nothing of
this one is held against it.
"""

import grp
import os
from collections.abc import Iterator
from dataclasses import dataclass

from hammerd.cli.check import path_check
from hammerd.cli.check.endpoint_verdicts import streaming_warnings
from hammerd.core.config.model import Config, DaemonConfig
from hammerd.core.config.path_warnings import endpoint_warnings
from hammerd.core.errors import Fault

_DEFAULTS = DaemonConfig()


@dataclass(frozen=True, slots=True)
class MachineCheck:
    """What is hardly meant on this machine, and why its ends were not asked ("" if they were)."""

    warnings: tuple[Fault, ...]
    not_asked_because: str = ""


def check_machine(config: Config) -> MachineCheck:
    """Look at the ends of a config and ask hammer of them, and wait for no disk."""
    paths = path_check.local_paths(config.pairs)
    seen = path_check.probe_paths(paths)
    warnings = endpoint_warnings(config.pairs, path_check.pfs_links(seen))
    daemon = config.daemon
    if not os.path.exists(daemon.hammer) and _is_elsewhere(daemon):
        return MachineCheck(warnings, f"there is no {daemon.hammer} here" if paths else "")
    if (fault := _hammer_fault(daemon.hammer)) is not None:
        return MachineCheck((fault, *warnings))
    # Who checks on another machine does not wait for these imports.
    from hammerd.cli.check.endpoint_check import probe_endpoints

    enabled = tuple(pair for pair in config.pairs if pair.enabled)
    asked = streaming_warnings(enabled, probe_endpoints(daemon.hammer, enabled, seen))
    return MachineCheck((*_group_faults(daemon), *warnings, *asked))


def _is_elsewhere(daemon: DaemonConfig) -> bool:
    """Tell whether a config that says nothing of its hammer is checked where none belongs."""
    return daemon.hammer == _DEFAULTS.hammer and not path_check.DEVICES_TELL


def _hammer_fault(path: str) -> Fault | None:
    if not os.path.exists(path):
        what, hint = "is not there", "name the hammer utility, /sbin/hammer on DragonFly"
    elif not os.path.isfile(path) or not os.access(path, os.X_OK):
        what, hint = "is no program that can be run", "name the hammer utility, or chmod it"
    else:
        return None
    return Fault("daemon.hammer", what, f'"{path}"', f"{hint}: without it no pair streams")


def _group_faults(daemon: DaemonConfig) -> Iterator[Fault]:
    name = daemon.status_group
    # The default is a group of the system that hammerd is for.
    if name == _DEFAULTS.status_group and not path_check.DEVICES_TELL:
        return
    try:
        grp.getgrnam(name)
    except KeyError:
        hint = "only root may ask for the status then: name a group of group(5)"
        yield Fault("daemon.status_group", "is no group of this system", f'"{name}"', hint)
