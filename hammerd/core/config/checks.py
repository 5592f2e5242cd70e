"""Checks the values of a config against each other; each is valid by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from hammerd.core import paths
from hammerd.core.config.tables import Given
from hammerd.core.config.values import show_value
from hammerd.core.errors import Fault
from hammerd.core.pairs import Endpoint, Rotation

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
        for slave, key in _slaves(given) if given["enabled"].value is not False else ():
            owner = owners.setdefault(slave.key, name)
            if owner != name:
                what = f'is the slave of pair "{owner}" already'
                if key == "rotate":
                    what = f"names {slave}, which {what}"
                hint = (
                    "two streams onto one slave move its TID backwards: disable one of the pairs"
                )
                yield Fault(given[key].where, what, given[key].shown, hint)


def _slaves(given: Mapping[str, Given]) -> Iterator[tuple[Endpoint, str]]:
    """Yield the slaves of a pair, each with the key that names it."""
    slave, rotate = endpoint_of(given, "slave"), given["rotate"].value
    if slave is not None:
        yield slave, "slave"
    for path in rotate.paths if isinstance(rotate, Rotation) else ():
        if slave is None or path != slave.path:
            yield Endpoint(path), "rotate"


def endpoint_of(given: Mapping[str, Given], name: str) -> Endpoint | None:
    """Return the endpoint under the key `master` or `slave`, None if it is invalid or missing."""
    value = given[name].value if name in given else None
    return value if isinstance(value, Endpoint) else None


# --- slaves that take turns --------------------------------------------------------------------


def with_first_slave(given: Mapping[str, Given]) -> Mapping[str, Given]:
    """Return the values of a pair; without `slave` the first path of `rotate` is the slave."""
    rotate = given["rotate"]
    if "slave" in given or not (isinstance(rotate.value, Rotation) and rotate.value.paths):
        return given
    slave = Endpoint(rotate.value.paths[0])
    return {**given, "slave": replace(rotate, value=slave, shown=show_value(str(slave)))}


def with_all_paths(rotation: Rotation, slave: Endpoint) -> Rotation:
    """Return a rotation whose paths hold that of the slave; the others stay in their order."""
    if not rotation.paths or slave.path in rotation.paths:
        return rotation
    return replace(rotation, paths=(slave.path, *rotation.paths))


def rotation_faults(given: Mapping[str, Given]) -> Iterator[Fault]:
    """Find slaves that cannot take turns: of another host, or the master itself."""
    rotate, nothing = given["rotate"], Given("", None, "")
    slave, master = given.get("slave", nothing), given.get("master", nothing)
    if not isinstance(rotate.value, Rotation) or not rotate.value.takes_turns:
        return
    is_far = isinstance(slave.value, Endpoint) and not slave.value.host.shares_paths
    if is_far:
        what = "is for disks of this host, and the slave is on another one"
        yield Fault(rotate.where, what, rotate.shown, "make a pair for each slave")
    others = {Endpoint(path).key for path in rotate.value.paths} - {_key(slave)}
    if _key(master) in others:
        what = f"names the master {master.shown} as a slave"
        yield Fault(rotate.where, what, rotate.shown, "leave it out")


def _key(given: Given) -> tuple[str, str] | None:
    return given.value.key if isinstance(given.value, Endpoint) else None


# --- files of the daemon ---------------------------------------------------------------------


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
