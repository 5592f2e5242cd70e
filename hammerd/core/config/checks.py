"""Checks the values of a config against each other; each is valid by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hammerd.core import paths
from hammerd.core.config.tables import Given
from hammerd.core.errors import Fault
from hammerd.core.pairs import Endpoint

LONGEST_SOCKET_PATH_BYTES = 103
"""sockaddr_un holds 104 bytes on the BSDs, a NUL among them."""

_OWN_FILES = (("state_dir", paths.STATE_FILES), ("run_dir", paths.RUN_FILES))
"""The files that hammerd writes into its own directories, by the key of the directory."""


@dataclass(frozen=True, slots=True)
class _Order:
    """A rule for two durations: the first must be shorter than the second."""

    shorter: str
    longer: str
    hint: str
    may_be_equal: bool = False


_ORDERS = (
    _Order("lag_warning", "lag_critical", "a warning comes before it is critical"),
    _Order("backoff_initial", "backoff_max", "waits grow from the first to the second", True),
    _Order("stop_grace", "stop_timeout", "or KILL would come when hammerd has given up waiting"),
    _Order("sample_interval", "bulk_after", "lag is known to one sample_interval, no better"),
)


def order_faults(given: Mapping[str, Given]) -> Iterator[Fault]:
    """Find durations of one pair that contradict each other."""
    for order in _ORDERS:
        shorter, longer = given[order.shorter], given[order.longer]
        if _is_in_order(order, shorter.value, longer.value):
            continue
        if shorter.where:
            relation = "must not be longer than" if order.may_be_equal else "must be shorter than"
            what = f"{relation} {order.longer}, which is {longer.shown}"
            yield Fault(shorter.where, what, shorter.shown, order.hint)
        else:
            relation = "must not be shorter than" if order.may_be_equal else "must be longer than"
            what = f"{relation} {order.shorter}, which is {shorter.shown}"
            yield Fault(longer.where, what, longer.shown, order.hint)


def _is_in_order(order: _Order, shorter: object, longer: object) -> bool:
    if not isinstance(shorter, int | float) or not isinstance(longer, int | float):
        return True
    return shorter < longer or (order.may_be_equal and shorter == longer)


def same_pfs_faults(given: Mapping[str, Given]) -> Iterator[Fault]:
    """Find whether a pair mirrors a PFS onto itself."""
    master, slave = endpoint_of(given, "master"), endpoint_of(given, "slave")
    if master is not None and slave is not None and master.key == slave.key:
        hint = 'point it at a PFS made with "hammer pfs-slave"'
        shown = given["slave"].shown
        yield Fault(given["slave"].where, "is the same PFS as the master", shown, hint)


def shared_slave_faults(pairs: Mapping[str, Mapping[str, Given]]) -> Iterator[Fault]:
    """Find enabled pairs that write to one slave; `pairs` has each pair's values by its name."""
    owners: dict[tuple[str, str], str] = {}
    for name, given in pairs.items():
        slave = endpoint_of(given, "slave")
        if slave is None or given["enabled"].value is False:
            continue
        owner = owners.setdefault(slave.key, name)
        if owner != name:
            what = f'is the slave of pair "{owner}" already'
            hint = "two streams onto one slave move its TID backwards: disable one of the pairs"
            yield Fault(given["slave"].where, what, given["slave"].shown, hint)


def endpoint_of(given: Mapping[str, Given], name: str) -> Endpoint | None:
    """Return the endpoint under the key `master` or `slave`, None if it is invalid or missing."""
    value = given[name].value if name in given else None
    return value if isinstance(value, Endpoint) else None


def log_faults(given: Mapping[str, Given]) -> Iterator[Fault]:
    """Find a log file that is the other log file, or one of hammerd's own files."""
    log, lag_log = given["log_file"], given["lag_log_file"]
    if log.value == lag_log.value and not str(log.value).startswith("/dev/"):
        # The fault is at the key that was given: the other may be a default, without a place.
        given_log, other = (lag_log, "log_file") if lag_log.where else (log, "lag_log_file")
        hint = "newsyslog rotates each on its own: give it another name"
        yield Fault(given_log.where, f"is the {other} already", given_log.shown, hint)
    own_files = {
        f"{given[key].value}/{name}": (key, name) for key, names in _OWN_FILES for name in names
    }
    for each in (log, lag_log):
        if (found := own_files.get(str(each.value))) is not None:
            key, name = found
            what = f"is the {name} that hammerd keeps in {key}"
            yield Fault(each.where, what, each.shown, "give the log another name")


def socket_faults(run_dir: Given) -> Iterator[Fault]:
    """Find whether the paths of the sockets in run_dir are too long for the system."""
    longest = LONGEST_SOCKET_PATH_BYTES - len(f"/{paths.CONTROL_SOCKET}")
    if isinstance(run_dir.value, str) and len(run_dir.value.encode()) > longest:
        what = f"must be {longest} bytes at most, for its sockets"
        yield Fault(run_dir.where, what, run_dir.shown)
