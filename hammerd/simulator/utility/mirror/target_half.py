"""The target half: stores records and moves the slave's sync-end-tid (docs/hammer.md 4.5, 5.7).

It uses fd 0 and 1. It commits a slice only when its SYNC has arrived; the records of an
incomplete slice stay in the slave but are not visible.
"""

import os

from hammerd.simulator.kernel.file_system.pfs_info import PfsInfo
from hammerd.simulator.kernel.file_system.volume import InjectedError
from hammerd.simulator.kernel.ioctls.mirror import ReceivedRecords, mirror_write
from hammerd.simulator.kernel.ioctls.pfs import OpenPfs, get_pfs, set_pfs
from hammerd.simulator.runtime import clock, console
from hammerd.simulator.runtime.console import CommandError, write_stderr, write_stdout
from hammerd.simulator.utility.arguments.options import Options
from hammerd.simulator.utility.arguments.paths import open_pfs
from hammerd.simulator.utility.mirror import protocol
from hammerd.simulator.utility.mirror.missing_target import ask_to_create


class TargetHalf:
    """One run of mirror-write."""

    def __init__(self, options: Options, path: str) -> None:
        self.options = options
        self.path = path

    def run(self) -> None:
        """Receive batches until the source ends."""
        while self._batch():
            pass

    def _batch(self) -> bool:
        message = protocol.receive()
        if message is not None and message.type == protocol.TERM:
            return False
        pfs, info = self._open(protocol.unpack_pfs(message)[2])
        if self.options.two_way:
            protocol.send(protocol.pack_pfs(info, info.sync_beg_tid, info.sync_end_tid))
        message = protocol.receive()
        if message is not None and message.type == protocol.TERM:
            return False
        _, end, shared_uuid = protocol.unpack_pfs(message)
        _check_target(info, shared_uuid)
        return self._finish(pfs, end, self._receive_records(pfs, end))

    def _open(self, shared_uuid: str) -> tuple[OpenPfs, PfsInfo]:
        if not os.path.lexists(self.path):
            ask_to_create(self.path, shared_uuid, assume_yes=self.options.assume_yes)
        return open_pfs(self.path)

    def _receive_records(self, pfs: OpenPfs, end: int) -> protocol.Message | None:
        """Store records in writes of at most 512 KiB; return the message after them."""
        message = protocol.receive(in_bulk=True)
        if message is None or message.type not in protocol.BULK:
            return message
        received = ReceivedRecords(pfs)
        while message is not None and message.type in protocol.BULK:
            kind, record, data = protocol.unpack_item(message)
            if received.is_full(kind, record):
                self._write(received)
            received.add(kind, record, data)
            message = protocol.receive(in_bulk=True)
        if message is not None and message.type == protocol.SYNC:
            received.delete_the_rest(end)
        self._write(received)
        return message

    def _write(self, received: ReceivedRecords) -> None:
        try:
            mirror_write(received)
        except OSError as error:
            raise CommandError(f"Mirror-write {self.path} failed", error) from error
        except InjectedError as fatal:
            text = f"Mirror-write {self.path} fatal error {fatal.code}"
            raise CommandError(text) from fatal

    def _finish(self, pfs: OpenPfs, end: int, message: protocol.Message | None) -> bool:
        """Reply to the message after the records; return False if the source ended."""
        if message is not None and message.type == protocol.TERM:
            write_stderr("Mirror-write: received termination request\n")
            return False
        if message is None or message.type not in (protocol.SYNC, protocol.IDLE):
            kind = message.type if message is not None else -1
            raise CommandError(
                f"Mirror-write {self.path}: Did not get termination sync record,"
                f" or rec_size is wrong rt={kind}"
            )
        if message.type == protocol.SYNC:
            self._move_to(pfs, end)
        if self.options.two_way:
            protocol.send(protocol.pack_tid(protocol.UPDATE, end))
        else:
            write_stdout(f"Source can update synctid to {end:#018x}\n")
            console.flush_stdout()
        return True

    def _move_to(self, pfs: OpenPfs, end: int) -> None:
        clock.trace(0, "sync")
        try:
            info = get_pfs(pfs)
        except OSError as error:
            raise CommandError("update_pfs_snapshot (read)", error) from error
        is_verbose = self.options.verbose > 1
        if info.sync_end_tid != end:
            info.sync_end_tid = end
            try:
                set_pfs(pfs, info)
            except OSError as error:
                raise CommandError("update_pfs_snapshot (rewrite)", error) from error
            if is_verbose:
                write_stderr(f"Mirror-write: Completed, updated snapshot to {end:016x}\n")
        if is_verbose:
            write_stderr(f"Mirror-write {self.path}: succeeded\n")


def _check_target(info: PfsInfo, shared_uuid: str) -> None:
    if info.shared_uuid != shared_uuid:
        raise CommandError("mirror-write: source and target have different shared-uuid's!")
    if not info.is_slave:
        raise CommandError("mirror-write: target must be in slave mode")
