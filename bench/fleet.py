"""Measures a fleet of hosts that one real Prometheus watches with the rules of etc/monitoring.

Each host is a daemon with one pair, every fourth with two, on the simulator, with a process table
of its own if root runs this, and a `hammerd web` at a loopback address of its own. All are whole
processes, forked from a loaded one: what they cost in memory is not that of a host (the benchmark
`cost` measures that). Intervals and waits are those of the samples, so a run takes half an hour.
HAMMERD_FLEET is the number of hosts.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from bench.fleet_engine import Engine, engine, write_targets
from bench.fleet_hosts import CAN_BE_ALONE, Nursery
from bench.rig import Mirror, Rig, rig, wait_until
from bench.tables import print_table

HOSTS = int(os.environ.get("HAMMERD_FLEET", "200"))
DEAD_SHARE = 10
"""Every tenth host dies, of every tenth the daemon, and every tenth loses its slaves' disk."""

RAMP_S = float(os.environ.get("HAMMERD_FLEET_RAMP", "1"))
"""The time between the starts of two hosts: the machine is one and the hosts are many."""

PATIENCE_S = 1800.0
STEADY_S = 120.0
WATCH_S = 900.0
TURN_S = 2.0
PORT = 9427


@dataclass(frozen=True, slots=True)
class Host:
    """A host: its mirrors, its first process and its web server, and where that listens."""

    home: Path
    mirrors: Sequence[Mirror]
    first: psutil.Process
    web: psutil.Process
    address: str


def run() -> None:
    """Start the fleet, let it rest, hurt it, and print what Prometheus and Alertmanager did."""
    missing = [
        name for name in ("prometheus", "prometheus-alertmanager") if not shutil.which(name)
    ]
    if missing:
        print(f"fleet: not measured, there is no {' and no '.join(missing)} here")
        return
    hosts: list[Host] = []
    with rig() as here:
        try:
            _start(here, hosts)
            write_targets(here.root, [host.address for host in hosts])
            with engine(here.root) as watching:
                _measure_rest(watching, hosts)
                _measure_trouble(watching, hosts)
        finally:
            for host in hosts:
                _end(host.first)
                _end(host.web)


# --- the hosts -----------------------------------------------------------------------------------


def _start(here: Rig, hosts: list[Host]) -> None:
    nursery = Nursery()
    for number in range(HOSTS):
        mirrors = here.on_one_file_system(2 if number % 4 == 3 else 1)
        hosts.append(_start_host(here, nursery, number, mirrors))
        time.sleep(RAMP_S)
    nursery.close()


def _start_host(here: Rig, nursery: Nursery, number: int, mirrors: Sequence[Mirror]) -> Host:
    home = here.root / f"h{number}"
    home.mkdir()
    config = home / "hammerd.toml"
    tables = "".join(mirror.table() for mirror in mirrors)
    config.write_text(
        f'[daemon]\nhammer = "{here.hammer}"\nrun_dir = "{home}/run"\nstate_dir = "{home}/db"\n'
        f'log_file = "{home}/log"\nlag_log_file = "{home}/lag"\n{tables}'
    )
    name = f"127.1.{number // 250}.{number % 250 + 1}"
    address = f"{name}:{PORT}"
    common = ("-c", str(config))
    first = psutil.Process(nursery.start(["run", *common], home / "out", alone=True))
    as_user = ("--user", "root") if os.geteuid() == 0 else ()
    serve = ["web", *common, "--listen", address, *as_user]
    web = psutil.Process(nursery.start(serve, home / "out"))
    return Host(home, mirrors, first, web, address)


def _daemon_of(host: Host) -> psutil.Process:
    """Return the daemon: the only child of a first process, or that itself."""
    return next(iter(host.first.children()), host.first) if CAN_BE_ALONE else host.first


def _end(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


# --- the fleet at rest ---------------------------------------------------------------------------


def _measure_rest(watching: Engine, hosts: Sequence[Host]) -> None:
    pairs = sum(len(host.mirrors) for host in hosts)
    ok = 'sum(hammerd_pair_health{health="ok"})'
    wait_until(lambda: watching.number("sum(up)") == len(hosts), "all scraped", 2, PATIENCE_S)
    wait_until(lambda: watching.number(ok) == pairs, "all pairs are well", 2, PATIENCE_S)
    before_cpu = _cpu_s(watching)
    began_at = time.monotonic()
    time.sleep(STEADY_S)
    cpu = (_cpu_s(watching) - before_cpu) / (time.monotonic() - began_at)
    times = [float(each["value"][1]) for each in watching.query("scrape_duration_seconds")]
    samples = [float(each["value"][1]) for each in watching.query("scrape_samples_scraped")]
    groups = watching.own("prometheus_rule_group_duration_seconds_sum") / max(
        1.0, watching.own("prometheus_rule_group_duration_seconds_count")
    )
    rows = (
        ("hosts, pairs", f"{len(hosts)}, {pairs}"),
        ("samples a scrape of a host", f"{min(samples):.0f} to {max(samples):.0f}"),
        ("time of a scrape, median and worst", f"{median(times):.3f} s, {max(times):.3f} s"),
        ("series in Prometheus", f"{watching.own('prometheus_tsdb_head_series'):.0f}"),
        ("samples a second", f"{sum(samples) / 30:.0f}"),
        ("memory of Prometheus", f"{_rss_mb(watching):.0f} MB"),
        ("CPU of Prometheus", f"{100 * cpu:.1f} % of a core"),
        ("evaluation of a group of rules, mean", f"{1000 * groups:.1f} ms"),
        ("alerts that fire", str(sum(watching.firing().values()))),
        ("messages", str(len(watching.messages))),
    )
    print_table("A fleet at rest", ("", ""), rows)


def _cpu_s(watching: Engine) -> float:
    times = psutil.Process(watching.process.pid).cpu_times()
    return float(times.user + times.system)


def _rss_mb(watching: Engine) -> float:
    return float(psutil.Process(watching.process.pid).memory_info().rss) / 2**20


# --- the fleet in trouble ------------------------------------------------------------------------


def _measure_trouble(watching: Engine, hosts: Sequence[Host]) -> None:
    """Hurt some hosts at once, and print when their alerts fire and what is told of them."""
    share = max(1, len(hosts) // DEAD_SHARE)
    dead, headless, diskless = (hosts[n * share : (n + 1) * share] for n in range(3))
    messages_before = len(watching.messages)
    hurt_at = time.monotonic()
    for host in dead:
        _end(host.first)
        _end(host.web)
    for host in headless:
        _end(_daemon_of(host))
    for host in diskless:
        for mirror in host.mirrors:
            disk = mirror.slave.parent
            if disk.exists():
                disk.rename(disk.with_name("away"))
    first, most = _watch(watching, hurt_at)
    by_time = sorted((at, name) for name, at in first.items())
    rows = [(name, f"{at:.0f} s", str(most[name])) for at, name in by_time]
    hurt = f"{len(dead)} hosts die, {len(headless)} daemons, {len(diskless)} disks of slaves"
    print_table(f"Alerts after {hurt}", ("alert", "first fires after", "fire at most"), rows)
    told = watching.messages[messages_before:]
    lines = [
        (each.alertname, each.severity, f"{each.at - hurt_at:.0f} s", str(each.firing))
        for each in told
    ]
    heads = ("message", "severity", "after", "alerts in it")
    print_table(f"{len(told)} messages of {sum(most.values())} alerts", heads, lines)
    print(f"memory of Prometheus then: {_rss_mb(watching):.0f} MB\n")


def _watch(watching: Engine, since_at: float) -> tuple[Mapping[str, float], Mapping[str, int]]:
    """Return when each alert fired first, and how many of each fired at most."""
    first: dict[str, float] = {}
    most: dict[str, int] = {}
    while (now_s := time.monotonic() - since_at) < WATCH_S:
        for name, count in watching.firing().items():
            first.setdefault(name, now_s)
            most[name] = max(most.get(name, 0), count)
        time.sleep(TURN_S)
    return first, most
