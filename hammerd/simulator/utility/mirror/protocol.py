"""Packs, sends and receives the messages of the halves: 16-byte heads, 8-byte aligned.

Their layout is that of docs/hammer.md 4.5; the halves decide what a message means.
"""

import os
from binascii import crc32

from hammerd.simulator.kernel.file_system.pfs_info import PfsInfo
from hammerd.simulator.kernel.records.record_store import Record
from hammerd.simulator.kernel.records.slice_contents import (
    PASS,
    REC,
    REC_BADCRC,
    SKIP,
    SKIP_BYTES,
    Skipped,
    aligned,
)
from hammerd.simulator.runtime import clock
from hammerd.simulator.runtime.console import CommandError, CommandExit, write_stderr
from hammerd.simulator.runtime.process import SIGPIPE

PIECE_BYTES = 4096
"""A pipe accepts the part of a message that fits; a socket accepts a piece or nothing."""
SIGNATURE = 0x4DD97272
HEAD_BYTES = 16
BODY_BYTES = 64  # of a tree record's head, after the common one

PFSD, UPDATE, SYNC, TERM, IDLE = 1, 2, 3, 6, 7
BULK = (SKIP, PASS, REC, REC_BADCRC)


class Message:
    """A message as it was received."""

    def __init__(self, type_: int, body: bytes) -> None:
        self.type = type_
        self.body = body


def pack(type_: int, body: bytes) -> bytes:
    """Return a message with its head and padding."""
    numbers = (SIGNATURE, crc32(body), HEAD_BYTES + len(body), type_)
    head = b"".join(number.to_bytes(4, "little") for number in numbers)
    return (head + body).ljust(aligned(HEAD_BYTES + len(body)), b"\0")


def pack_pfs(info: PfsInfo, beg: int, end: int) -> bytes:
    """Return a PFSD message."""
    numbers = beg.to_bytes(8, "little") + end.to_bytes(8, "little")
    shared = bytes.fromhex(info.shared_uuid.replace("-", ""))
    return pack(PFSD, numbers + shared + bytes([info.is_slave]).ljust(8, b"\0"))


def unpack_pfs(message: Message | None) -> tuple[int, int, str]:
    """Return sync-beg-tid, sync-end-tid and shared-uuid of a PFSD message.

    Raises:
        CommandError: it is another message, or none.
    """
    if message is None:
        raise CommandError("validate_mrec_header: short read")
    if message.type != PFSD:
        raise CommandError("validate_mrec_header: did not get expected PFSD record type")
    body = message.body
    digits = body[16:32].hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return _number(body, 0), _number(body, 8), "-".join(parts)


def pack_tid(type_: int, tid: int) -> bytes:
    """Return a SYNC, IDLE, UPDATE or TERM message."""
    return pack(type_, tid.to_bytes(8, "little"))


def pack_item(kind: int, record: Record, delete: int, data: bytes) -> bytes:
    """Return a REC, PASS or SKIP message."""
    if isinstance(record, Skipped):
        ends = (*record.identity(), *record.last.identity())
        range_ = b"".join(number.to_bytes(8, "little") for number in ends)
        return pack(SKIP, range_.ljust(SKIP_BYTES - HEAD_BYTES, b"\0"))
    numbers = (record.object, record.type, record.key, record.create, delete, len(data))
    body = b"".join(number.to_bytes(8, "little") for number in numbers)
    return pack(kind, body.ljust(BODY_BYTES, b"\0") + data)


def unpack_item(message: Message) -> tuple[int, Record, bytes]:
    """Return kind, head and data of a REC, PASS or SKIP message."""
    body = message.body
    record = _record(body, 0)
    if message.type == SKIP:
        return SKIP, Skipped(record, _record(body, 32)), b""
    record.delete = _number(body, 32)
    record.size = _number(body, 40)
    return message.type, record, body[BODY_BYTES : BODY_BYTES + record.size]


def _record(body: bytes, offset: int) -> Record:
    return Record(*(_number(body, offset + place) for place in (0, 8, 16, 24)))


def _number(body: bytes, offset: int) -> int:
    return int.from_bytes(body[offset : offset + 8], "little")


def send(data: bytes) -> None:
    """Write to fd 1; SIGPIPE ends this half if the peer has ended."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(1, view[:PIECE_BYTES]) :]
    except (ConnectionResetError, BrokenPipeError):
        os.kill(os.getpid(), SIGPIPE)  # the errors of a socket without a reader
    except OSError as error:
        raise CommandError("write_mrecord", error) from error


class Throttle:
    """Sends on fd 1 at -b bytes a second: each full budget waits for the end of the second."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0
        self.started = clock.now()

    def send(self, data: bytes) -> None:
        """Send all data, in pieces of the budget if there is one."""
        while self.budget and self.used + len(data) >= self.budget:
            piece, data = data[: self.budget - self.used], data[self.budget - self.used :]
            send(piece)
            self._pause()
        send(data)
        self.used += len(data)

    def _pause(self) -> None:
        passed_s = clock.now() - self.started
        if 0 <= passed_s < 1:
            clock.sleep(1 - passed_s, "bandwidth")
        self.started = clock.now()
        self.used = 0


def read_exactly(count: int) -> bytes:
    """Read `count` bytes from fd 0, less only if the peer has ended."""
    pieces = []
    while count:
        try:
            piece = os.read(0, count)
        except ConnectionResetError:
            break  # the end of a socket
        if not piece:
            break
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def receive(*, in_bulk: bool = False) -> Message | None:
    """Read one message; None if the peer has ended, exit 1 for a malformed one.

    Between records (`in_bulk`) hammer prints other messages for the same faults.
    """
    try:
        head = read_exactly(HEAD_BYTES)
    except OSError:
        head = b"?"
    if not head:
        return None
    _check_head(head, in_bulk=in_bulk)
    type_ = int.from_bytes(head[12:16], "little")
    size = int.from_bytes(head[8:12], "little")
    padded = read_exactly(aligned(size) - HEAD_BYTES)
    if len(padded) < aligned(size) - HEAD_BYTES:
        if type_ in BULK:
            raise CommandError("read_mrecords: short read on pipe")
        _malformed("read_mrecord: short read on payload")
    body = padded[: size - HEAD_BYTES]
    if crc32(body) != int.from_bytes(head[4:8], "little"):
        _bad_crc(type_)
    return Message(type_, body)


def _check_head(head: bytes, *, in_bulk: bool) -> None:
    if len(head) < HEAD_BYTES:
        if in_bulk:
            raise CommandError("read_mrecords: short read on pipe")
        _malformed("short read of mrecord header")
    if int.from_bytes(head[:4], "little") != SIGNATURE:
        if in_bulk:
            raise CommandError("read_mrecords: malformed record on pipe, bad signature")
        _malformed("read_mrecord: bad signature")


def _bad_crc(type_: int) -> None:
    if type_ in BULK:
        raise CommandError("read_mrecords: malformed record on pipe, bad crc")
    _malformed("read_mrecord: bad CRC")


def _malformed(text: str) -> None:
    write_stderr(text + "\n")
    raise CommandExit(1)
