"""Runs the benchmarks that were named, or all."""

import sys
import time

from bench import (
    cost,
    fleet,
    freshness,
    history,
    link,
    metrics,
    page,
    recovery,
    remote_cost,
    rsh,
    status,
    verify,
)

BENCHMARKS = {
    "freshness": freshness.run,
    "pull": freshness.run_pull,
    "recovery": recovery.run,
    "link": link.run,
    "cost": cost.run,
    "remote_cost": remote_cost.run,
    "status": status.run,
    "page": page.run,
    "rsh": rsh.run,
    "verify": verify.run,
    "history": history.run,
    "metrics": metrics.run,
    "fleet": fleet.run,
}

ONLY_BY_NAME = frozenset({"fleet"})
"""Benchmarks that take half an hour and gigabytes."""


def main(names: list[str]) -> int:
    """Run the named benchmarks; 64 when one is unknown."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; known: {', '.join(BENCHMARKS)}")
        return 64
    for name in names or [name for name in BENCHMARKS if name not in ONLY_BY_NAME]:
        began_at = time.monotonic()
        BENCHMARKS[name]()
        print(f"({name} took {time.monotonic() - began_at:.0f} s)\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
