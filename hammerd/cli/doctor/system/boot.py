"""Judges the mounts that an endpoint needs, now and after a boot of its host."""

from hammerd.cli.doctor.lines.findings import Finding
from hammerd.cli.doctor.system.machine import Machine
from hammerd.cli.doctor.system.mount_table import boot_finding, mount_finding
from hammerd.core.system.mounts import Mounts, parse_fstab, parse_mounts


def find_mount(machine: Machine, paths: tuple[str, ...]) -> Finding:
    """Judge whether the file systems of an endpoint are mounted."""
    tables = _tables(machine)
    return tables if isinstance(tables, Finding) else mount_finding(paths, *tables)


def find_fstab(machine: Machine, paths: tuple[str, ...]) -> Finding:
    """Judge whether the file systems of an endpoint are mounted again at a boot."""
    tables = _tables(machine)
    return tables if isinstance(tables, Finding) else boot_finding(paths, *tables)


def _tables(machine: Machine) -> tuple[Mounts, Mounts] | Finding:
    mounted = machine.output(machine.files.mount)
    fstab = machine.read(machine.files.fstab)
    if isinstance(mounted, Finding):
        return mounted
    if isinstance(fstab, Finding):
        return fstab
    return parse_mounts(mounted), parse_fstab(fstab)
