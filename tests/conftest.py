"""A test may be skipped for a reason on this list; any other skip fails the run."""

import os

import pytest

# Where Python is told to keep no bytecode every daemon that a test starts would compile itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# tests/test_skips.py compares these with what the tests say.
ALLOWED_SKIPS: frozenset[str] = frozenset(
    {
        "env(1) cannot ignore signals here",
        "memory is measured in /proc",
        "needs root and setpriv of util-linux",
        "needs root and tmpfs",
        "needs root and unshare of util-linux",
        "no /dev/full here",
    }
)


def unlisted_skips(reports: list[pytest.TestReport]) -> list[str]:
    """Return each skip whose reason nobody has agreed to."""
    unlisted = []
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if reason.removeprefix("Skipped: ") not in ALLOWED_SKIPS:
            unlisted.append(f"{report.nodeid}: {reason}")
    return unlisted


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What takes so long that it has a timeout of its own goes first: a suite whose other workers
    # are done would wait for it.
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


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
