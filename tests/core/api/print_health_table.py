"""Prints the health of a pair in every state with every proof, by health_of() itself.

    .venv/bin/python -m tests.core.api.print_health_table > tests/core/api/health_table.txt

The printout is checked in: a review reads it row by row, and a test fails when a cell changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hammerd.core.api.health import Health, health_of
from hammerd.core.api.pair_report import Extras, PairReport
from hammerd.core.hammer.messages import ParkCause
from hammerd.core.holds import Hold, HoldStage
from hammerd.core.pair.slave_claims import Resource
from hammerd.core.pair.state_table import SILENT_LAUNCH_S
from hammerd.core.pair.states import (
    Copying,
    Down,
    IdlePhase,
    InPrescan,
    Launching,
    Memory,
    PairLife,
    Parked,
    Paused,
    Probing,
    State,
    Stopped,
    Stopping,
    Streaming,
    ThenStopped,
    Trouble,
    Up,
    WaitingForBackoff,
    WaitingForMount,
    WaitingForResource,
    Wanted,
)
from hammerd.core.pairs import Endpoint, Gear, Pair
from hammerd.core.replication.anomaly_log import Anomaly, AnomalyName
from hammerd.core.replication.lag import UNKNOWN, Lag, LagVerdict
from hammerd.core.tid import Tid
from hammerd.core.verify.differences import Kind
from hammerd.core.verify.verified import Shown, Verified

PAIR = Pair("home", Endpoint("/master"), Endpoint("/slave"))
NOW_AT = 100_000.0
TROUBLE = Trouble("why")
WARNING_S, CRITICAL_S = PAIR.thresholds.lag_warning_s, PAIR.thresholds.lag_critical_s
GRACE_S = PAIR.timing.mount_grace_s

LEGEND = """\
Every state x all that can be known. Printed by tests/core/api/print_health_table.py: see there.

. ok   ? unknown   ! warning   X critical; lag_warning is 300 s, lag_critical 1800 s

What is known of the age of the slave, without a word where the lag is known:
"sync" is a slave that was in sync when its master was last read, so long ago;
"blind" is an unknown lag whose last proof is so old; "never" is a pair of which nothing was ever
proven, and that is to run for so long; "unseen" is an end that was not seen for too long.
"""


def streaming(phase: InPrescan | Copying | IdlePhase) -> Streaming:
    return Streaming(NOW_AT - 50, NOW_AT - 50, Gear.FOLLOWING, phase, NOW_AT - 50)


def launched(ago_s: float) -> Launching:
    return Launching(NOW_AT - ago_s, NOW_AT + 60, Gear.BULK)


def mount(ago_s: float) -> WaitingForMount:
    return WaitingForMount(NOW_AT - ago_s, NOW_AT + 5, TROUBLE)


@dataclass(frozen=True, slots=True)
class HealthRow:
    """A state, and the facts that change its health."""

    state: State
    wanted: Wanted = Up()  # noqa: RUF009 - a frozen value
    failures: int = 0
    refusals: int = 0
    unmounted_s: float | None = None
    extras: Extras = Extras()  # noqa: RUF009 - a frozen value
    hold: Hold | None = None


STOPPING = Stopping(NOW_AT - 2, NOW_AT + 3, ThenStopped())
PROBING = Probing(NOW_AT - 2, NOW_AT + 18)
AT_REST = streaming(IdlePhase())
HELD = Hold("switchover", HoldStage.RUNNING, NOW_AT - 60)
JUMPED = Anomaly(AnomalyName.SLAVE_TID_JUMPED, PAIR.slave, "0x1", "0x2", NOW_AT)

EQUAL = Verified("h", "/m", "/s", Tid(16), 0.0, 1.0, 1, 1)
DIFFERENT = replace(EQUAL, counts={Kind.MODE: 1})

ROWS: dict[str, HealthRow] = {
    "stopped, disabled": HealthRow(Stopped(0.0), Down()),
    "stopped, paused": HealthRow(Stopped(0.0), Paused()),
    "stopped, paused for a time": HealthRow(Stopped(0.0), Paused(NOW_AT + 9)),
    "stopped, though it is wanted": HealthRow(Stopped(0.0)),
    "probing": HealthRow(PROBING),
    "probing, with failures": HealthRow(PROBING, failures=2),
    "launching": HealthRow(launched(SILENT_LAUNCH_S - 0.1)),
    "launching, silent": HealthRow(launched(SILENT_LAUNCH_S)),
    "launching, with failures": HealthRow(launched(1), failures=2),
    "launching, parked before": HealthRow(launched(1), refusals=2),
    "stopping, parked before": HealthRow(STOPPING, refusals=2),
    "launching, unmounted": HealthRow(launched(1), unmounted_s=GRACE_S - 0.1),
    "launching, unmounted for long": HealthRow(launched(1), unmounted_s=GRACE_S),
    "streaming: prescan": HealthRow(streaming(InPrescan())),
    "streaming: copying": HealthRow(streaming(Copying())),
    "streaming: idle": HealthRow(AT_REST),
    "streaming, with failures": HealthRow(AT_REST, failures=2),
    "streaming, a half stopped": HealthRow(replace(AT_REST, stopped_half=TROUBLE)),
    "stopping": HealthRow(STOPPING),
    "stopping for a pause": HealthRow(STOPPING, Paused()),
    "stopping, with failures": HealthRow(STOPPING, failures=2),
    "stopping, unkillable": HealthRow(replace(STOPPING, kills=2, is_unkillable=True)),
    "waiting: backoff": HealthRow(WaitingForBackoff(NOW_AT - 2, NOW_AT + 9, TROUBLE), failures=1),
    "waiting: mount": HealthRow(mount(GRACE_S - 0.1)),
    "waiting: mount, for long": HealthRow(mount(GRACE_S)),
    "waiting: slave": HealthRow(WaitingForResource(NOW_AT - 2, Resource.SLAVE, TROUBLE)),
    "waiting: drain": HealthRow(WaitingForResource(NOW_AT - 2, Resource.DRAIN, TROUBLE)),
    "waiting: drain, with failures": HealthRow(
        WaitingForResource(NOW_AT - 2, Resource.DRAIN, TROUBLE), failures=1
    ),
    "held": HealthRow(Stopped(0.0), hold=HELD),
    "held, interrupted": HealthRow(Stopped(0.0), hold=replace(HELD, is_interrupted=True)),
    "held, promoted": HealthRow(Stopped(0.0), hold=replace(HELD, stage=HoldStage.PROMOTED)),
    "held, stopping": HealthRow(STOPPING, hold=HELD),
    "parked": HealthRow(Parked(NOW_AT - 2, NOW_AT + 58, ParkCause.REFUSED, "ask")),
    "streaming, an anomaly": HealthRow(AT_REST, extras=Extras(anomalies=(JUMPED,))),
    "streaming, slave read-only": HealthRow(AT_REST, extras=Extras(is_slave_read_only=True)),
    "streaming, short of space": HealthRow(AT_REST, extras=Extras(is_short_of_space=True)),
    "streaming, verified: equal": HealthRow(AT_REST, extras=Extras(verified=Shown(EQUAL))),
    "streaming, verified: different": HealthRow(AT_REST, extras=Extras(verified=Shown(DIFFERENT))),
    "verified: different, seen": HealthRow(
        AT_REST, extras=Extras(verified=Shown(DIFFERENT, is_acknowledged=True))
    ),
}


@dataclass(frozen=True, slots=True)
class Known:
    """A proof of the age of the slave."""

    lag: Lag
    wanted_s: float = 50_000.0


def behind(seconds: float) -> Lag:
    return Lag(LagVerdict.BEHIND, 5, seconds, held_at=NOW_AT - seconds)


def blind(age_s: float, *, is_unproven: bool = False) -> Lag:
    return replace(UNKNOWN, held_at=NOW_AT - age_s, is_unproven=is_unproven)


COLUMNS: dict[str, Known] = {
    "in sync": Known(Lag(LagVerdict.IN_SYNC, 0, 20.0, held_at=NOW_AT - 20)),
    "sync 1800": Known(Lag(LagVerdict.IN_SYNC, 0, CRITICAL_S, held_at=NOW_AT - CRITICAL_S)),
    "<300": Known(behind(WARNING_S - 0.1)),
    "300": Known(behind(WARNING_S)),
    "1800": Known(behind(CRITICAL_S)),
    "ahead": Known(Lag(LagVerdict.AHEAD, -5), 0.0),
    "blind <300": Known(blind(WARNING_S - 0.1)),
    "blind 300": Known(blind(WARNING_S)),
    "blind 1800": Known(blind(CRITICAL_S)),
    "unseen <300": Known(blind(WARNING_S - 0.1, is_unproven=True)),
    "unseen 1800": Known(blind(CRITICAL_S, is_unproven=True)),
    "never <300": Known(UNKNOWN, WARNING_S - 0.1),
    "never 300": Known(UNKNOWN, WARNING_S),
    "never 1800": Known(UNKNOWN, CRITICAL_S),
}

MARKS = {Health.OK: ".", Health.UNKNOWN: "?", Health.WARNING: "!", Health.CRITICAL: "X"}


def report(row: HealthRow, known: Known) -> PairReport:
    unmounted_at = None if row.unmounted_s is None else NOW_AT - row.unmounted_s
    memory = Memory(
        row.wanted,
        row.failures,
        refusals=row.refusals,
        unmounted_since_at=unmounted_at,
        hold=row.hold,
    )
    life = PairLife(PAIR, memory, row.state, NOW_AT - known.wanted_s)
    return PairReport(life, known.lag, None, None, None, (), extras=row.extras)


def cell(row: HealthRow, known: Known) -> str:
    return MARKS[health_of(report(row, known), NOW_AT)]


def table() -> Iterator[str]:
    yield " " * 30 + " ".join(name.rjust(11) for name in COLUMNS)
    for title, row in ROWS.items():
        yield f"{title:<30}" + " ".join(cell(row, each).rjust(11) for each in COLUMNS.values())


def printout() -> str:
    return "\n".join((LEGEND, *table())) + "\n"


if __name__ == "__main__":
    print(printout(), end="")  # noqa: T201 - it is what this file is for
