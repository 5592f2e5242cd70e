"""Notes about slaves that take turns: one line for all, or one for each.

slave /Disk1/pfs/home (4c1f0a2e) has its turn, 1 of 2 is away
slave /Disk2/pfs/home (9b07d3c5): away since 2026-11-20 09:12 UTC, 6d03h behind, TID 0x10058,
everything flushed by 2026-11-20 09:11:40 UTC is on it
"""

from collections.abc import Iterator

from hammerd.cli.client.status_types import PairStatus, SlaveStatus
from hammerd.cli.output import numbers


def summary_of_slaves(pair: PairStatus) -> Iterator[str]:
    """Yield which slave of a pair has its turn; nothing for a pair with one slave."""
    slaves = pair.get("slaves", [])
    if not slaves:
        return
    away = sum(not one["is_present"] for one in slaves)
    turn = next((f"{_name(one)} has its turn" for one in slaves if one["has_turn"]), "")
    count = f"{away} of {len(slaves)} {'is' if away == 1 else 'are'} away" if away else ""
    if text := ", ".join(filter(None, (turn, count))):
        yield text


def notes_of_slaves(pair: PairStatus, measured_time: str | None) -> Iterator[str]:
    """Yield what is known of each slave of a pair."""
    for slave in pair.get("slaves", []):
        yield f"{_name(slave)}: {', '.join(_parts(slave, measured_time))}"


def _name(slave: SlaveStatus) -> str:
    return f"slave {slave['slave']} ({short_uuid(slave)})"


def short_uuid(slave: SlaveStatus) -> str:
    """Return the part of a unique-uuid in which two of them differ most often."""
    return slave["unique_uuid"].partition("-")[0]


def _parts(slave: SlaveStatus, measured_time: str | None) -> Iterator[str]:
    since = numbers.show_moment(slave["since_time"], measured_time)
    yield f"{'there' if slave['is_present'] else 'away'} since {since}"
    if slave["has_turn"]:
        yield "has its turn"
    lag_s, tid, safe_time = slave["lag_s"], slave["slave_tid"], slave["safe_until_time"]
    yield "lag unknown" if lag_s is None else f"{numbers.show_period(lag_s)} behind"
    yield "TID unknown" if tid is None else f"TID {numbers.show_tid(tid)}"
    if safe_time is not None:
        moment = numbers.show_moment(safe_time, measured_time, with_seconds=True)
        yield f"everything flushed by {moment} is on it"
    if slave["is_forked"]:
        yield "its master went back since"
