"""A test may be skipped for a reason on this list; any other skip fails the run."""

import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCENARIO = "test_recordings.py::test_scenario["

# Without bytecode files each daemon that a test starts would compile itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# The width of a terminal must not change the result of a test; xdist's workers get a width, too.
os.environ["COLUMNS"] = "80"

# A disk makes the simulator and each fsync of a daemon slower; some mount it without execution.
MEMORY, NEEDED_BYTES = "/dev/shm", 1 << 30
if "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK):
    memory = os.statvfs(MEMORY)
    if not memory.f_flag & os.ST_NOEXEC and memory.f_bavail * memory.f_frsize >= NEEDED_BYTES:
        os.environ["TMPDIR"] = MEMORY
        tempfile.tempdir = None  # pytest has asked for it already

# A suite that runs in the background ignores interrupts, and so does all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# tests/test_skips.py compares these with the reasons in the tests.
ALLOWED_SKIPS: frozenset[str] = frozenset(
    {
        "env(1) cannot ignore signals here",
        "memory is measured in /proc",
        "needs clone(2) of Linux",
        "needs root",
        "needs root and setpriv of util-linux",
        "needs root and tmpfs of Linux",
        "needs root and unshare of util-linux",
        "needs root, network namespaces and TUN devices of Linux",
        "needs setpriv of util-linux",
        "no /dev/full here",
        "no amtool here",
        "no ansible-playbook here",
        "no bash here",
        "no chromium here",
        "no fish here",
        "no tcsh here",
        "no zsh here",
        "no curl here",
        "no dash here",
        "no duk here",
        "no make here",
        "no pidfds here",
        "no playwright here",
        "no prometheus here",
        "no prometheus-alertmanager here",
        "no prometheus-node-exporter here",
        "no promtool here",
        "no ssh here",
        "only root can give files away",
        "sshd runs no commands for a user without a shell",
        "there is no ssh client to be refused",
        "there is no sshd here",
    }
)


def unlisted_skips(reports: list[pytest.TestReport]) -> list[str]:
    """Return each skip whose reason is not on the list."""
    reasons = [(report.nodeid, _reason(report)) for report in reports]
    return [f"{name}: {reason}" for name, reason in reasons if reason not in ALLOWED_SKIPS]


def _reason(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    # Every worker collects, which leaves no garbage; later collections need not walk its objects.
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Long tests go first and quick ones last: a suite whose other workers are done would wait for
    # a long one. Each worker begins with an equal part of the list.
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    long = [item for item in items if is_long(item)]
    quick = [item for item in items if not is_long(item) and is_quick(item)]
    others = [item for item in items if not is_long(item) and not is_quick(item)]
    items[:] = spread(long, others, quick, workers)


def is_long(item: pytest.Item) -> bool:
    """Return whether a test takes many seconds, or so long that it has a timeout of its own."""
    return any(map(item.get_closest_marker, ("long", "timeout")))


def is_quick(item: pytest.Item) -> bool:
    """Return whether a test only computes: it starts no process."""
    where = item.path.relative_to(HERE).parts
    return where[0] == "core" or len(where) == 1


def spread(
    long: list[pytest.Item], others: list[pytest.Item], quick: list[pytest.Item], parts: int
) -> list[pytest.Item]:
    """Order items so that each equal part of the list has its share of each kind, in this order.

    Neighbours remain neighbours but for the long ones: they may have a fixture in common.
    """
    total = len(long) + len(others) + len(quick)
    ordered: list[pytest.Item] = []
    for part in range(parts):
        size = (total - len(ordered)) // (parts - part)
        mine = [*long[part::parts], *_share(others, part, parts)]
        count = max(0, size - len(mine))
        ordered += [*mine, *quick[:count]]
        quick = quick[count:]
    return [*ordered, *quick]


def _share(items: list[pytest.Item], part: int, parts: int) -> list[pytest.Item]:
    return items[len(items) * part // parts : len(items) * (part + 1) // parts]


def scenario_lines(passed: list[str], failed: list[str], skipped: dict[str, str]) -> list[str]:
    """Return how many recordings of the real hammer the simulator repeats, less which and why."""
    count = len(passed) + len(failed)
    if not count:
        return []
    excluded = [f"  excluded: {name}: {reason}" for name, reason in sorted(skipped.items())]
    return [f"simulator: {len(passed)} of {count} scenarios", *excluded]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    def scenarios(outcome: str) -> dict[str, str]:
        reports = terminalreporter.stats.get(outcome, [])
        mine = [report for report in reports if SCENARIO in getattr(report, "nodeid", "")]
        return {report.nodeid.partition("[")[2].rstrip("]"): _reason(report) for report in mine}

    failed = [*scenarios("failed"), *scenarios("error")]
    for line in scenario_lines(list(scenarios("passed")), failed, scenarios("skipped")):
        terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    if unlisted := unlisted_skips(reporter.stats.get("skipped", [])):
        reporter.write_line("")
        reporter.write_line("skipped for a reason that is not in tests/conftest.py:", red=True)
        for line in unlisted:
            reporter.write_line(f"  {line}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
