"""Measures a cut of the cable to another host: time to notice, and to mirror again after it ends.

The hosts are network namespaces; no packet comes through, and no end is told. Twice: writes go on,
and the far host lives on; or the pairs are idle, and the far host reboots behind the cut, so that
it knows nothing of the old connections. After the end of the cut there are writes in both cases.
Bare hammer has a plain ssh, without keepalives, as it starts it itself.
"""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest

from bench.far import Far, far_host
from bench.rig import DELAY_S, Mirror, Rig, rig, wait_until
from bench.supervised import Hammerd
from bench.tables import print_table
from tests.remote.netns import Host, Network, a_network

CUT_S = 60.0
WATCH_S = 150.0
WRITE_EACH_S = 1.0
TURN_S = 0.05
OPTIONS = ("-vv", "-i", str(DELAY_S), "-B")
LOST_LINK = b"Lost Link"


@dataclass(slots=True)
class Subject:
    """A stream that is watched: the seconds to each event, None if it did not come in time.

    `noticed` tells whether its supervisor has noticed the cut; `tid` is of the first write after
    the end of the cut.
    """

    name: str
    mirror: Mirror
    noticed: Callable[[], bool]
    tid: int | None = None
    noticed_s: float | None = None
    mirrors_s: float | None = None

    def look(self, cut_s: float, mended_s: float | None) -> None:
        """Record what has come true; both numbers are the seconds since then."""
        if self.noticed_s is None and self.noticed():
            self.noticed_s = cut_s
        if mended_s is None or self.mirrors_s is not None:
            return
        if self.tid is None:
            self.tid = self.mirror.write()
        elif self.mirror.holds(self.tid):
            self.mirrors_s = mended_s

    def row(self) -> tuple[str, str, str]:
        """Return its row of the table."""
        return (
            self.name,
            "not at all" if self.noticed_s is None else f"{self.noticed_s:.0f} s",
            f"not in {WATCH_S:.0f} s" if self.mirrors_s is None else f"{self.mirrors_s:.1f} s",
        )


@dataclass
class Writer:
    """Writes to the masters in turn, as long as it is entered."""

    mirrors: Sequence[Mirror]
    has_ended: Event = field(default_factory=Event)

    def __enter__(self) -> None:
        self.thread = Thread(target=self._write)
        self.thread.start()

    def __exit__(self, *_error: object) -> None:
        self.has_ended.set()
        self.thread.join()

    def _write(self) -> None:
        while not self.has_ended.wait(WRITE_EACH_S):
            for mirror in self.mirrors:
                mirror.write()


def run() -> None:
    """Cut the cable for a minute, in both ways, and print what followed."""
    for title, is_rebooted in (("writes go on", False), ("idle, the far host reboots", True)):
        try:
            with a_network() as network, rig() as here:
                subjects = _measure(network, here, is_rebooted=is_rebooted)
        except pytest.skip.Exception as skipped:
            print(f"link: not measured, {skipped}")
            return
        print_table(
            f"Cable cut without a word for {CUT_S:.0f} s, {title}",
            ("", "cut, until noticed", "mended, until mirroring"),
            [subject.row() for subject in subjects],
        )


def _measure(network: Network, here: Rig, *, is_rebooted: bool) -> list[Subject]:
    far_place, cable = network.far[0], network.cables[0]
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        far = stack.enter_context(far_host(here, far_place.address, far_place.under))
        subjects = _subjects(here, far, network.near.under)
        writer = Writer([subject.mirror for subject in subjects])
        if not is_rebooted:
            stack.enter_context(writer)
            time.sleep(DELAY_S)
        cable.cut()
        cut_at = time.monotonic()
        reboot = pool.submit(_reboot, far, far_place) if is_rebooted else None
        _watch(subjects, cut_at, None, lambda: time.monotonic() - cut_at > CUT_S)
        if reboot is not None:
            reboot.result()
        cable.mend()
        mended_at = time.monotonic()
        if is_rebooted:
            stack.enter_context(writer)
        deadline_at = mended_at + WATCH_S
        _watch(
            subjects,
            cut_at,
            mended_at,
            lambda: (
                time.monotonic() > deadline_at
                or all(each.mirrors_s is not None for each in subjects)
            ),
        )
    return subjects


def _watch(
    subjects: Sequence[Subject],
    cut_at: float,
    mended_at: float | None,
    has_ended: Callable[[], bool],
) -> None:
    while not has_ended():
        now_at = time.monotonic()
        for subject in subjects:
            subject.look(now_at - cut_at, None if mended_at is None else now_at - mended_at)
        time.sleep(TURN_S)


def _subjects(here: Rig, far: Far, under: Sequence[str]) -> list[Subject]:
    pull, push, bare_pull, bare_push = here.on_own_file_systems(4)
    ours = [far.pull(pull), far.push(push)]
    daemon = Hammerd(here, "hammerd", ours, here.hammer, under)
    theirs = [
        _bare(here, far, "pull", far.pull(bare_pull), under),
        _bare(here, far, "push", far.push(bare_push), under),
    ]
    daemon.wait_until_idle()
    last = [(each.mirror, each.mirror.write()) for each in theirs]
    wait_until(lambda: all(mirror.holds(tid) for mirror, tid in last), "bare hammer follows")
    time.sleep(2 * DELAY_S)  # until it is idle
    cut_time = time.time()
    mine = [
        Subject(f"hammerd, {kind}", mirror, _noticed_by(daemon, mirror.name, cut_time))
        for kind, mirror in zip(("pull", "push"), ours, strict=True)
    ]
    return [*mine, *theirs]


def _noticed_by(daemon: Hammerd, pair: str, since_time: float) -> Callable[[], bool]:
    return lambda: daemon.logged_since("pair.stopping", pair, since_time) is not None


def _bare(here: Rig, far: Far, kind: str, mirror: Mirror, under: Sequence[str]) -> Subject:
    stderr = here.root / f"bare-{kind}"
    with stderr.open("wb") as out:
        subprocess.Popen(
            [*under, *mirror.stream_words(here.hammer, *OPTIONS)],
            stdin=subprocess.DEVNULL,
            stderr=out,
            env={**os.environ, "HAMMER_RSH": str(far.rsh)},
        )
    return Subject(f"bare hammer, {kind}", mirror, lambda: LOST_LINK in stderr.read_bytes())


def _reboot(far: Far, place: Host) -> None:
    """End sshd and its sessions, and let the kernel forget their connections; start sshd again."""
    setting = Path("/proc/sys/net/ipv4/tcp_orphan_retries")
    subprocess.run([*place.under, "sh", "-c", f"echo 1 > {setting}"], check=True)
    far.sshd.stop()
    wait_until(lambda: not _has_connections(place), "the far host has forgotten all")
    far.sshd.start()


def _has_connections(place: Host) -> bool:
    table = subprocess.run(
        [*place.under, "cat", "/proc/net/tcp"], capture_output=True, text=True, check=True
    ).stdout
    listening = "0A"
    states = [line.split()[3] for line in table.splitlines()[1:]]
    return any(state != listening for state in states)
