"""Functions for the demo and the tests: newfs_hammer, mount_null, sync, umount, knobs, power cut.

Each takes real directories and needs no privilege. No stream imports this package.
"""

from hammerd.simulator.admin.as_of import forget_as_of, prune_everything, show_as_of
from hammerd.simulator.admin.damage import DAMAGES, damage_master, damage_slave
from hammerd.simulator.admin.file_systems import (
    PROGRAMS,
    install,
    mount,
    new_file_system,
    power_cut,
    unmount,
)
from hammerd.simulator.admin.flushes import (
    SYNCER_S,
    durable_tid,
    flush,
    flush_tid,
    publish_in_steps,
    run_syncer,
    shared_uuid,
    step,
    sync,
    sync_end_tid,
    synctid,
    write,
)
from hammerd.simulator.admin.knobs import KNOBS, set_knob
from hammerd.simulator.admin.null_mounts import (
    mount_fstab,
    mount_null,
    reboot,
    unmount_null,
)
from hammerd.simulator.admin.pfs import new_master, new_slave
from hammerd.simulator.admin.traps import Trap, trap
from hammerd.simulator.kernel.file_system.machine import mounts

__all__ = (
    "DAMAGES",
    "KNOBS",
    "PROGRAMS",
    "SYNCER_S",
    "Trap",
    "damage_master",
    "damage_slave",
    "durable_tid",
    "flush",
    "flush_tid",
    "forget_as_of",
    "install",
    "mount",
    "mount_fstab",
    "mount_null",
    "mounts",
    "new_file_system",
    "new_master",
    "new_slave",
    "power_cut",
    "prune_everything",
    "publish_in_steps",
    "reboot",
    "run_syncer",
    "set_knob",
    "shared_uuid",
    "show_as_of",
    "step",
    "sync",
    "sync_end_tid",
    "synctid",
    "trap",
    "unmount",
    "unmount_null",
    "write",
)
