"""Reads an endpoint on another host: its pfs-status, and the free space of its file system."""

import re
from posixpath import dirname

from hammerd.cli.check.endpoint_check import pfs_status_result
from hammerd.cli.doctor.lines.findings import NEEDS_OPEN_KEY, Finding, not_tried
from hammerd.cli.doctor.system.machine import Machine
from hammerd.core.api.free_space import FreeSpace
from hammerd.core.pair.probe_verdict import ProbeResult
from hammerd.core.pairs import Endpoint

_SIZES = re.compile(r"\s(?P<total>\d+)\s+(?P<used>\d+)\s+(?P<free>-?\d+)\s+\d+%\s")
_BLOCK_BYTES = 1024


def read_pfs(machine: Machine, endpoint: Endpoint) -> ProbeResult:
    """Ask hammer over there what an endpoint is."""
    return pfs_status_result(machine.run_hammer("hammer", *_status_words(endpoint)))


def read_space(machine: Machine, endpoint: Endpoint) -> FreeSpace | Finding:
    """Return the free space around an endpoint, or why it is unknown."""
    if not machine.is_open:
        return not_tried(NEEDS_OPEN_KEY)
    text = machine.output(_space_words(endpoint))
    if isinstance(text, Finding):
        return text
    return parse_df(text) or not_tried("df prints no sizes")


def commands_of(endpoint: Endpoint) -> tuple[tuple[str, ...], ...]:
    """Return the argv of each command with which an endpoint is read."""
    host = endpoint.host
    return (host.command("hammer", _status_words(endpoint)), host.program(_space_words(endpoint)))


def _status_words(endpoint: Endpoint) -> tuple[str, ...]:
    return ("pfs-status", endpoint.path)


def _space_words(endpoint: Endpoint) -> tuple[str, ...]:
    # Before its first mirroring a slave's softlink leads nowhere; its directory is always there.
    return ("df", "-k", dirname(endpoint.path))


def parse_df(text: str) -> FreeSpace | None:
    """Return the sizes that `df -k` prints for one file system; a long device name wraps."""
    found = _SIZES.search(text)
    if found is None:
        return None
    return FreeSpace(max(int(found["free"]), 0) * _BLOCK_BYTES, int(found["total"]) * _BLOCK_BYTES)
