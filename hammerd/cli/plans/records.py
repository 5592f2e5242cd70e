"""Reads and writes the record of a pair's plan, and lets a running hammerd know of it.

Without a hammerd the record alone is enough: the next one reads it at its start.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hammerd.cli.options.location import Location
from hammerd.cli.output.failures import CommandFailed, DaemonRefused, NoDaemon
from hammerd.cli.output.text import print_text
from hammerd.core.api.protocol import Request, Verb
from hammerd.core.exit_codes import Exit
from hammerd.core.plans.record import PlanRecord


@dataclass(frozen=True, slots=True)
class FileRecords:
    """The record of a pair in state_dir, and the hammerd at a location.

    `rest_s` is how long the end of its stream may take. `may_hang`: a stream or a look that a
    disk holds up is left to the planner, which looks at the processes itself.
    """

    location: Location
    state_dir: str
    pair: str
    rest_s: float = 60.0
    may_hang: bool = False

    def read(self) -> PlanRecord | None:
        """Return the record, None without one.

        Raises:
            CommandFailed: it cannot be read.
        """
        from hammerd.daemon.state.plan_records import Damaged, read_record

        record = read_record(self.state_dir, self.pair)
        if isinstance(record, Damaged):
            hint = "look at both ends; remove this file if no plan of the pair is under way"
            raise CommandFailed(record.because, hint, code=Exit.DATA)
        return record

    def write(self, record: PlanRecord) -> None:
        """Write the record until it is on the disk.

        Raises:
            CommandFailed: it cannot be written.
        """
        from hammerd.daemon.state.plan_records import write_record

        with self._writing():
            write_record(self.state_dir, record)

    def remove(self) -> None:
        """Remove the record.

        Raises:
            CommandFailed: it cannot be removed.
        """
        from hammerd.daemon.state.plan_records import remove_record

        with self._writing():
            remove_record(self.state_dir, self.pair)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands from plans of this pair within a `with` block.

        Raises:
            AlreadyRunning: another command carries out a plan of this pair.
            CommandFailed: the lock cannot be made.
        """
        from hammerd.daemon.state.plan_records import locked

        with contextlib.ExitStack() as stack:
            with self._writing():
                stack.enter_context(locked(self.state_dir, self.pair))
            yield

    def tell_held(self) -> None:
        """Let a running hammerd end the pair's stream; return when it has ended.

        Raises:
            HammerdError: a hammerd runs, and cannot be asked, or did not end it.
        """
        try:
            answer = self._tell(Verb.HOLD, self.rest_s)
        except DaemonRefused as error:
            if not (self.may_hang and self._is_held()):
                raise
            print_text(f"    {error.message}")
            return
        drains_s = answer.get("slave_drains_s")
        if isinstance(drains_s, float | int):
            time.sleep(drains_s)

    def tell_released(self) -> None:
        """Let a running hammerd stream the pair again.

        Raises:
            HammerdError: a hammerd runs, and cannot be asked.
        """
        self._tell(Verb.RELEASE)

    def _is_held(self) -> bool:
        """Return whether the hammerd that runs holds the pair, whatever is left of its stream."""
        match self._tell(Verb.STATUS):
            case {"pairs": [{"hold": dict()}, *_]}:
                return True
            case _:
                return False

    def _tell(self, verb: Verb, timeout_s: float | None = None) -> Mapping[str, object]:
        """Send a request for the pair; without a hammerd there is nothing to tell."""
        try:
            return self.location.send(Request(verb, (self.pair,)), timeout_s)
        except NoDaemon:
            return {}

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"cannot keep the record of the plan in {self.state_dir}: {error.strerror}"
            if not isinstance(error, PermissionError):
                hint = "the command goes on when it is run again"
                raise CommandFailed(message, hint, code=Exit.UNAVAILABLE) from error
            hint = "run the command as the user that runs hammerd, root on DragonFly"
            raise CommandFailed(message, hint, code=Exit.NO_PERMISSION) from error
