"""The target half: stores what arrives and moves the slave's sync-end-tid (HAMMER.md 7 and 8).

It speaks on fd 0 and 1. It believes a slice only when its SYNC has arrived; records of a
slice that was cut short stay in the slave and are not shown.
"""

from __future__ import annotations

import os

from hammerd.simulator import clock, console
from hammerd.simulator.console import CommandError, complain, say
from hammerd.simulator.kernel import ioctls
from hammerd.simulator.kernel.file_system import InjectedError
from hammerd.simulator.kernel.ioctls import OpenPfs
from hammerd.simulator.kernel.pfs_info import PfsInfo
from hammerd.simulator.utility import wire
from hammerd.simulator.utility.missing_target import offer_to_create
from hammerd.simulator.utility.options import Options
from hammerd.simulator.utility.pfs_paths import open_pfs


class TargetHalf:
    """One run of mirror-write."""

    __slots__ = ("options", "path")

    def __init__(self, options: Options, path: str) -> None:
        self.options = options
        self.path = path

    def run(self) -> None:
        """Take batches until the source ends."""
        while self._batch():
            pass

    def _batch(self) -> bool:
        message = wire.receive()
        if message is not None and message.type == wire.TERM:
            return False
        pfs, info = self._open(wire.unpack_pfs(wire.checked_pfs(message))[2])
        if self.options.two_way:
            wire.send(wire.pack_pfs(info, info.sync_beg_tid, info.sync_end_tid))
        message = wire.receive()
        if message is not None and message.type == wire.TERM:
            return False
        _, end, shared_uuid = wire.unpack_pfs(wire.checked_pfs(message))
        _check_target(info, shared_uuid)
        return self._finish(pfs, end, self._take_records(pfs))

    def _open(self, shared_uuid: str) -> tuple[OpenPfs, PfsInfo]:
        if not os.path.lexists(self.path):
            offer_to_create(self.path, shared_uuid, assume_yes=self.options.assume_yes)
        return open_pfs(self.path)

    def _take_records(self, pfs: OpenPfs) -> wire.Message | None:
        """Store tree records in writes of at most 512 KiB; return what ended them."""
        message = wire.receive(in_bulk=True)
        if message is None or message.type not in wire.BULK:
            return message
        arrivals = ioctls.Arrivals(pfs)
        while message is not None and message.type in wire.BULK:
            kind, record, data = wire.unpack_item(message)
            if arrivals.is_full(kind, record):
                self._write(arrivals)
            arrivals.take(kind, record, data)
            message = wire.receive(in_bulk=True)
        self._write(arrivals)
        return message

    def _write(self, arrivals: ioctls.Arrivals) -> None:
        try:
            ioctls.mirror_write(arrivals)
        except OSError as error:
            raise CommandError(f"Mirror-write {self.path} failed", error) from error
        except InjectedError as fatal:
            text = f"Mirror-write {self.path} fatal error {fatal.code}"
            raise CommandError(text) from fatal

    def _finish(self, pfs: OpenPfs, end: int, message: wire.Message | None) -> bool:
        """Answer what ended the records; False when that was the end of it all."""
        if message is not None and message.type == wire.TERM:
            complain("Mirror-write: received termination request\n")
            return False
        if message is None or message.type not in (wire.SYNC, wire.IDLE):
            kind = message.type if message is not None else -1
            raise CommandError(
                f"Mirror-write {self.path}: Did not get termination sync record,"
                f" or rec_size is wrong rt={kind}"
            )
        if message.type == wire.SYNC:
            self._move_to(pfs, end)
        if self.options.two_way:
            wire.send(wire.pack_tid(wire.UPDATE, end))
        else:
            say(f"Source can update synctid to {end:#018x}\n")
            console.flush()
        return True

    def _move_to(self, pfs: OpenPfs, end: int) -> None:
        clock.trace(0, "sync")
        try:
            info = ioctls.get_pfs(pfs)
        except OSError as error:
            raise CommandError("update_pfs_snapshot (read)", error) from error
        speaks = self.options.verbose > 1
        if info.sync_end_tid != end:
            info.sync_end_tid = end
            try:
                ioctls.set_pfs(pfs, info)
            except OSError as error:
                raise CommandError("update_pfs_snapshot (rewrite)", error) from error
            if speaks:
                complain(f"Mirror-write: Completed, updated snapshot to {end:016x}\n")
        if speaks:
            complain(f"Mirror-write {self.path}: succeeded\n")


def _check_target(info: PfsInfo, shared_uuid: str) -> None:
    if info.shared_uuid != shared_uuid:
        raise CommandError("mirror-write: source and target have different shared-uuid's!")
    if not info.is_slave:
        raise CommandError("mirror-write: target must be in slave mode")
