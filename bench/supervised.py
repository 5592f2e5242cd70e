"""Runs hammerd as a child of a benchmark."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.rig import DELAY_S, PATIENCE_S, Mirror, Rig, wait_until
from hammerd.cli.client.control_client import send_request
from hammerd.cli.client.status_types import PairStatus, read_status
from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api.protocol import Request, Verb
from hammerd.core.rfc3339 import parse_rfc3339

HAMMERD = (sys.executable, "-m", "hammerd.cli.main")


class Hammerd:
    """A running daemon over some mirrors; `under` are the words to start it under."""

    def __init__(
        self,
        rig: Rig,
        name: str,
        mirrors: Sequence[Mirror],
        hammer: Path,
        under: Sequence[str] = (),
    ) -> None:
        self.home = rig.root / name
        self.run_dir = self.home / "run"
        self.home.mkdir()
        config = self.home / "hammerd.toml"
        config.write_text(_config(self.home, hammer, mirrors))
        with (self.home / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen([*under, *HAMMERD, "run", "-c", config], stderr=stderr)

    def pairs(self) -> dict[str, PairStatus]:
        """Return the status of every pair, empty while the daemon does not answer."""
        try:
            answer = read_status(send_request(self.run_dir, Request(Verb.STATUS)))
        except CommandFailed:
            return {}
        return {pair["pair"]: pair for pair in answer["pairs"]}

    def wait_until_idle(self, up_s: float = DELAY_S + 1, patience_s: float = PATIENCE_S) -> None:
        """Wait until every pair is idle, in following gear, and up for `up_s`."""

        def is_idle() -> bool:
            pairs = self.pairs().values()
            return bool(pairs) and all(_is_idle(pair, up_s) for pair in pairs)

        wait_until(is_idle, f"the pairs of {self.home} are idle", 0.1, patience_s)

    def logged_since(self, event: str, pair: str, since_time: float) -> float | None:
        """Return the wall-clock time at which the log tells an event of a pair, since a time."""
        for line in (self.home / "hammerd.log").read_text().splitlines():
            moment, _level, logged, *fields = line.split()
            time = parse_rfc3339(moment).timestamp() + 0.001
            if logged == event and f"pair={pair}" in fields and time >= since_time:
                return time
        return None


def _is_idle(pair: PairStatus, up_s: float) -> bool:
    follows = pair["phase"] == "idle" and pair["gear"] == "following"
    return follows and (pair.get("up_s") or 0.0) > up_s


def _config(home: Path, hammer: Path, mirrors: Sequence[Mirror]) -> str:
    tables = "".join(each.table() for each in mirrors)
    return f"""\
[daemon]
hammer = "{hammer}"
run_dir = "{home}/run"
state_dir = "{home}/db"
log_file = "{home}/hammerd.log"
lag_log_file = "{home}/lag.log"
[defaults]
delay = "{DELAY_S}s"
healthy_after = "1s"
{tables}"""
