"""Knows the last result of each pair's verification.

    verified/PAIR.json   written by the command `hammerd verify`, also while no daemon runs
    verified/PAIR.seen   written by the daemon: the time of the result that it has logged, whether
                         a person has acknowledged it, and the unique-uuid of the slave

So each result is logged once, and an acknowledgement outlives the daemon. A result says nothing of
another slave at the same path: the first unique-uuid that is known after a result is its slave's.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from hammerd.core import paths
from hammerd.core.characters import printable
from hammerd.core.errors import BadOutput
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.rfc3339 import rfc3339
from hammerd.core.tid import format_tid
from hammerd.core.verify.differences import MOST_SHOWN, counts_text
from hammerd.core.verify.verified import Shown, Verified, parse_verified
from hammerd.daemon.logging.setup import Logger
from hammerd.daemon.state import atomic_file
from hammerd.daemon.threads.blocking_calls import BlockingCalls
from hammerd.daemon.threads.writer_thread import WriterThread

RESULT_SUFFIX, SEEN_SUFFIX = ".json", ".seen"
READ_TIMEOUT_S = 2.0
DIFFERENCES_HINT = (
    '"hammerd verify PAIR" lists the differences again; what the slave lacks may be damaged on'
    " the master's disk (dmesg): restore those files on the master from another copy"
)


class Results:
    """The results of all pairs, by name."""

    def __init__(self, state_dir: Path, writer: WriterThread, log: Logger) -> None:
        self._directory = state_dir / paths.VERIFIED_DIR
        self._writer = writer
        self._log = log
        self._shown: dict[str, Shown] = {}
        self._slave_uuids: dict[str, str] = {}
        self.unique_uuid_of: Callable[[Endpoint], str | None] = lambda _endpoint: None
        self._calls = BlockingCalls()

    def load(self) -> None:
        """Read all results; log those that came while no daemon ran."""
        try:
            names = sorted(os.listdir(self._directory))
        except OSError:
            # Nothing was verified yet; a directory that cannot be read shows at the next result.
            return
        for name in names:
            if name.endswith(RESULT_SUFFIX):
                pair = name.removesuffix(RESULT_SUFFIX)
                self._take(pair, self._read(pair))

    async def read(self, pair: str) -> None:
        """Read the result of a pair that was verified just now.

        Raises:
            TimeoutError: the disk hangs.
        """
        self._take(pair, await self._calls.run(partial(self._read, pair), READ_TIMEOUT_S))

    def of(self, pair: Pair) -> Shown | None:
        """Return the last result of a pair; None without one, or if it is of other endpoints."""
        shown = self._shown.get(pair.name)
        if shown is None:
            return None
        of = shown.verified.master, shown.verified.slave
        if of != (str(pair.master), str(pair.slave)):
            return None
        return shown if self._is_its_slave(pair) else None

    def acknowledge(self, pair: str) -> None:
        """Note that a person has seen the differences of a pair."""
        shown = self._shown.get(pair)
        if shown is not None and shown.is_critical:
            self._shown[pair] = replace(shown, is_acknowledged=True)
            self._save_seen(pair)

    def _take(self, pair: str, read: tuple[Verified, Mapping[str, object]] | str | None) -> None:
        if isinstance(read, str):
            self._log.warning("verify.unreadable", pair=pair, because=read)
        if read is None or isinstance(read, str):
            return
        verified, seen = read
        is_new = seen.get("time") != rfc3339(verified.time)
        known = self._shown.get(pair)
        self._slave_uuids.pop(pair, None)
        if not is_new and isinstance(uuid := seen.get("slave_uuid"), str):
            self._slave_uuids[pair] = uuid
        self._shown[pair] = Shown(
            verified, is_acknowledged=not is_new and seen.get("is_acknowledged") is True
        )
        if is_new and (known is None or known.verified.time != verified.time):
            self._log_result(verified)
            self._save_seen(pair)

    def _is_its_slave(self, pair: Pair) -> bool:
        """Return whether the slave is the one of the result; note the first one that is known."""
        uuid = self.unique_uuid_of(pair.slave)
        if uuid is not None and pair.name not in self._slave_uuids:
            self._slave_uuids[pair.name] = uuid
            self._save_seen(pair.name)
        return uuid is None or uuid == self._slave_uuids[pair.name]

    def _log_result(self, verified: Verified) -> None:
        fields = {
            "pair": verified.pair,
            "tid": format_tid(verified.tid),
            "entries": verified.entries,
            "bytes": verified.size,
            "took_s": round(verified.took_s, 3),
            "is_sample": verified.is_sample,
        }
        if verified.is_equal:
            self._log.info("verify.finished", **fields)
            return
        self._log.error(
            "verify.finished",
            **fields,
            differences=verified.differences,
            because=counts_text(verified.counts),
            text="; ".join(printable(str(each)) for each in verified.first[:MOST_SHOWN]),
            hint=DIFFERENCES_HINT.replace("PAIR", verified.pair),
        )

    def _save_seen(self, pair: str) -> None:
        shown = self._shown[pair]
        seen = {
            "time": rfc3339(shown.verified.time),
            "is_acknowledged": shown.is_acknowledged,
            "slave_uuid": self._slave_uuids.get(pair),
        }
        path = self._directory / f"{pair}{SEEN_SUFFIX}"
        self._writer.submit(partial(atomic_file.replace, path, (json.dumps(seen) + "\n",)))

    def _read(self, pair: str) -> tuple[Verified, Mapping[str, object]] | str | None:
        """Return a pair's result and what is noted of it, or why it cannot be read."""
        path = self._directory / f"{pair}{RESULT_SUFFIX}"
        try:
            text = atomic_file.read(path)
            return None if text is None else (parse_verified(text), self._read_seen(pair))
        except BadOutput as error:
            return f"{path}: {error.message}"
        except (OSError, ValueError) as error:
            return f"{path}: {error}"

    def _read_seen(self, pair: str) -> Mapping[str, object]:
        try:
            seen = json.loads(atomic_file.read(self._directory / f"{pair}{SEEN_SUFFIX}") or "{}")
        except (OSError, ValueError):
            # A result too many in the log, or one to acknowledge again.
            return {}
        return seen if isinstance(seen, dict) else {}
