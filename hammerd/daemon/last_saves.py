"""Saves the state for the last time, when the loop has nothing more to do."""

from functools import partial

from hammerd.daemon.logging_parts import Logging
from hammerd.daemon.state.store import StateStore
from hammerd.daemon.threads.writer_thread import WriterThread

WRITER_CLOSE_S = 2.0


def save_the_rest(keeping: StateStore, logging: Logging) -> None:
    """Save the state and end the writer thread, or another one where that one hangs."""
    keeping.finish(logging.writer)
    logging.writer.submit(partial(_say_unsaved, keeping, logging))
    if not logging.writer.close(WRITER_CLOSE_S):
        # A log on a disk that hangs must not cost the state, which may be on another one.
        last = WriterThread()
        keeping.finish(last)
        last.close(WRITER_CLOSE_S)


def _say_unsaved(keeping: StateStore, logging: Logging) -> None:
    if unsaved := keeping.unsaved_at_end():
        because, hint = unsaved
        logging.write_error("state.unsaved", because=because, hint=hint)
