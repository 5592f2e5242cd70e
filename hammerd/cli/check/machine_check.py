"""Checks a config against this machine: its hammer, its groups, its file systems.

On a machine without a hammer, groups and endpoints are not checked: the config is meant for
another machine.
"""

import grp
import os
from collections.abc import Iterator
from dataclasses import dataclass

from hammerd.cli.check import path_check
from hammerd.cli.check.endpoint_verdicts import streaming_warnings
from hammerd.core.config.model import Config, DaemonConfig, NotifyConfig
from hammerd.core.config.path_warnings import endpoint_warnings
from hammerd.core.config.values import show_value
from hammerd.core.errors import Fault
from hammerd.core.pairs import turns_of

_DEFAULTS = DaemonConfig()


@dataclass(frozen=True, slots=True)
class MachineCheck:
    """Result of a check; `not_probed_because` is "" if hammer could probe the endpoints."""

    warnings: tuple[Fault, ...]
    not_probed_because: str = ""


def check_machine(config: Config) -> MachineCheck:
    """Probe the endpoints of a config, with timeouts; return the warnings."""
    turns = tuple(turn for pair in config.pairs for turn in turns_of(pair))
    paths = path_check.local_paths(turns)
    states = path_check.probe_paths(paths)
    warnings = endpoint_warnings(turns, path_check.pfs_links(states))
    daemon = config.daemon
    # A system without PFS devices never has the default hammer.
    is_elsewhere = daemon.hammer == _DEFAULTS.hammer and not path_check.HAS_PFS_DEVICES
    if is_elsewhere and not os.path.exists(daemon.hammer):
        return MachineCheck(warnings, f"there is no {daemon.hammer} here" if paths else "")
    if (fault := hammer_fault(daemon.hammer)) is not None:
        return MachineCheck((fault, *warnings))
    # Imported only here: a check on another machine does not need them.
    from hammerd.cli.check.endpoint_check import probe_endpoints

    enabled = tuple(turn for turn in turns if turn.enabled)
    facts = probe_endpoints(daemon.hammer, enabled, states)
    faults = (*_group_faults(daemon), *_command_faults(config.notify))
    return MachineCheck((*faults, *warnings, *streaming_warnings(enabled, facts)))


def hammer_fault(path: str) -> Fault | None:
    """Return the fault of a hammer that is no program; None if it can be started."""
    if not os.path.exists(path):
        what, hint = "is not there", "name the hammer utility, /sbin/hammer on DragonFly"
    elif not os.path.isfile(path) or not os.access(path, os.X_OK):
        what, hint = "is no program that can be run", "name the hammer utility, or chmod it"
    else:
        return None
    return Fault("daemon.hammer", what, f'"{path}"', f"{hint}: without it no pair streams")


def _command_faults(notify: NotifyConfig) -> Iterator[Fault]:
    """Find the commands of notifications that cannot be started."""
    for where, argv in notify.commands:
        hint = "name a program; without it nobody is told"
        if not os.path.exists(argv[0]):
            yield Fault(where, "is not there", show_value(argv[0]), hint)
        elif not os.path.isfile(argv[0]) or not os.access(argv[0], os.X_OK):
            yield Fault(where, "is no program that can be run", show_value(argv[0]), hint)


def _group_faults(daemon: DaemonConfig) -> Iterator[Fault]:
    name = daemon.status_group
    # The default group need exist only on the system that hammerd is made for.
    if name == _DEFAULTS.status_group and not path_check.HAS_PFS_DEVICES:
        return
    try:
        grp.getgrnam(name)
    except KeyError:
        hint = "only root may ask for the status then: name a group of group(5)"
        yield Fault("daemon.status_group", "is no group of this system", f'"{name}"', hint)
