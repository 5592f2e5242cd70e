"""Gathers the facts of a pair whose roles a plan changes.

No look waits for ever: each end is read by children with deadlines, because a master that is dead
may hang. The status of a running hammerd tells what is safe, or else its last one does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hammerd.cli.offline.last_state import find_last_state
from hammerd.cli.options.location import Location
from hammerd.cli.output.failures import DaemonRefused, NoDaemon
from hammerd.cli.plans.commands import Programs
from hammerd.cli.plans.records import FileRecords
from hammerd.cli.plans.roles.ends import Wanted, list_mounts, look_at
from hammerd.cli.plans.roles.writers import find_writers, list_processes, read_records
from hammerd.core.api.protocol import Request, Verb
from hammerd.core.config.model import Config
from hammerd.core.pairs import Pair
from hammerd.core.plans.record import PlanRecord
from hammerd.core.plans.roles.facts import Loss, PairFacts, Writer
from hammerd.core.rfc3339 import parse_rfc3339
from hammerd.core.tid import Tid, parse_tid

Orient = Callable[[Pair, PlanRecord | None], Pair]
"""Returns the pair to look at: a plan that is under way may have changed what its names mean."""


def as_configured(pair: Pair, _: PlanRecord | None) -> Pair:
    """Return the pair itself."""
    return pair


@dataclass(frozen=True, slots=True)
class PairLook:
    """Looks at a pair again and again; `location` is where its hammerd and its config are.

    `may_hang`: the plan goes on beside a stream that a disk holds up.
    """

    config: Config
    pair: Pair
    location: Location
    master: Wanted = field(default_factory=Wanted)
    slave: Wanted = field(default_factory=Wanted)
    orient: Orient = as_configured
    may_hang: bool = False

    @property
    def programs(self) -> Programs:
        """The programs of this machine."""
        return Programs(self.config.daemon.hammer)

    @property
    def records(self) -> FileRecords:
        """The record of the pair."""
        state_dir, rest_s = self.config.daemon.state_dir, 2 * self.pair.timing.stop_grace_s + 30
        return FileRecords(self.location, state_dir, self.pair.name, rest_s, self.may_hang)

    def facts(self) -> PairFacts:
        """Return the pair as it is now.

        Raises:
            HammerdError: a hammerd runs and cannot be asked, or the record cannot be read.
        """
        record = self.records.read()
        pair = self.orient(self.pair, record)
        loss, is_running = self._loss()
        mounted = list_mounts(self.programs)
        master = look_at(pair.master, self.master, self.programs, mounted)
        slave = look_at(pair.slave, self.slave, self.programs, mounted)
        paths = {str(end.operand) for end in (master, slave) if end.link}
        operands = frozenset({str(pair.master), str(pair.slave), *paths})
        writers, unknown_because = self._writers(operands, is_running)
        # The source half of a stream holds its master open until the plan has ended it.
        ours = frozenset(pid for each in writers if each.is_ours for pid in each.pids)
        return PairFacts(
            pair,
            replace(master, open_files=master.open_files.without(ours)),
            replace(slave, open_files=slave.open_files.without(ours)),
            record,
            is_running,
            writers,
            loss,
            time.time(),
            unknown_because,
        )

    def _writers(
        self, operands: frozenset[str], is_running: bool
    ) -> tuple[tuple[Writer, ...], str]:
        processes = list_processes(self.programs.env)
        if isinstance(processes, str):
            return (), processes
        records = read_records(self.config.daemon.run_dir)
        return find_writers(processes, operands, records, is_daemon_running=is_running), ""

    def _loss(self) -> tuple[Loss, bool]:
        """Return what is known of the mirror, and whether a hammerd answers."""
        request = Request(Verb.STATUS, (self.pair.name,))
        try:
            answer = self.location.send(request)
        except NoDaemon:
            return self._last_loss(), False
        except DaemonRefused:
            return Loss(unknown_because="the hammerd that runs does not have this pair"), True
        return _loss_of_status(answer), True

    def _last_loss(self) -> Loss:
        """Return what the last hammerd left in its files."""
        last = find_last_state(self.location, (self.pair.name,))
        pair = next(iter(last.pairs), None)
        if pair is None or last.hammerd.saved_time is None:
            return Loss(unknown_because="no hammerd left a status")
        return Loss(
            "the last status of hammerd",
            _time(pair.safe_until_time),
            _time(pair.master_seen_time),
            _time(last.hammerd.saved_time),
            _tid(pair.master_tid),
            _tid(pair.slave_tid),
            unknown_because=pair.safe_unknown_because or "",
        )


def _loss_of_status(answer: object) -> Loss:
    match answer:
        case {"pairs": [dict(pair), *_], "measured_time": str(measured_time)}:
            return Loss(
                "hammerd's status",
                _time(pair.get("safe_until_time")),
                _time(pair.get("lag_measured_time")),
                _time(measured_time),
                _tid(pair.get("master_tid")),
                _tid(pair.get("slave_tid")),
                _number(pair.get("lag_s")),
                str(pair.get("safe_unknown_because") or ""),
            )
        case _:
            return Loss(unknown_because="hammerd does not have this pair")


def _time(text: object) -> float | None:
    return parse_rfc3339(text).timestamp() if isinstance(text, str) else None


def _tid(text: object) -> Tid | None:
    return parse_tid(text) if isinstance(text, str) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
