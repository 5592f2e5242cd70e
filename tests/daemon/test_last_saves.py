"""The last saves reach the disk even if the thread that writes logs hangs for ever."""

import threading
from dataclasses import dataclass, field
from typing import cast

from hammerd.daemon import run
from hammerd.daemon.logs import Logs
from hammerd.daemon.run import save_at_end
from hammerd.daemon.state.store import StateStore
from hammerd.daemon.threads.writer_thread import WriterThread


@dataclass
class Store:
    """Keeps the thread of each save; `because` is the reason of a failed one."""

    because: tuple[str, str] | None = None
    saved_by: list[threading.Thread] = field(default_factory=list)
    was_saved: threading.Event = field(default_factory=threading.Event)

    def finish(self, writer: WriterThread) -> None:
        writer.submit(self._save)

    def unsaved_at_end(self) -> tuple[str, str] | None:
        return self.because

    def _save(self) -> None:
        self.saved_by.append(threading.current_thread())
        self.was_saved.set()


@dataclass
class Log:
    """Keeps the errors that were written after the loop had ended."""

    writer: WriterThread = field(default_factory=WriterThread)
    errors: list[tuple[str, object, object]] = field(default_factory=list)

    def write_error(self, event: str, **fields: object) -> None:
        self.errors.append((event, fields["because"], fields["hint"]))


def save(store: Store, log: Log) -> None:
    save_at_end(cast(StateStore, store), cast(Logs, log))


def test_state_is_saved_once_and_the_thread_ends() -> None:
    store, log = Store(), Log()

    save(store, log)

    assert len(store.saved_by) == 1
    assert not store.saved_by[0].is_alive()
    assert log.errors == []


def test_save_that_fails_is_logged_though_the_loop_has_ended() -> None:
    log = Log()

    save(Store(("the disk is full", "a pause is lost")), log)

    assert log.errors == [("state.unsaved", "the disk is full", "a pause is lost")]


def test_log_on_a_disk_that_hangs_costs_no_state() -> None:
    store, log, gate = Store(), Log(), threading.Event()

    def hang() -> None:
        gate.wait(60)

    log.writer.submit(hang)

    save(store, log)

    assert store.was_saved.is_set(), f"not within {run.WRITER_CLOSE_S} s"
    assert [thread.is_alive() for thread in store.saved_by] == [False], (
        "not saved by a second thread"
    )
    gate.set()
