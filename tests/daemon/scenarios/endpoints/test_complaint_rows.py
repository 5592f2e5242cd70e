"""Each known complaint, printed by a pair's stream, is shown with its cause and cure.

The rows are those of hammerd.8's troubleshooting; the texts are recorded or documented ones.
"""

from functools import partial
from pathlib import Path

import pytest

from hammerd.core.hammer.diagnostics import diagnose
from hammerd.core.hammer.hints import LOCAL_ROOT_HINT
from hammerd.core.hammer.messages import Complaint, Cure
from hammerd.core.pair.complaints import LASTING_COMPLAINTS
from tests.core.hammer.test_diagnostics import TEXTS
from tests.daemon.world import Status, World
from tests.daemon.wrapped import wrap

COMPLAIN = """\
for slave; do :; done
text="{texts}/${{slave##*/}}"
case " $* " in *" mirror-stream "*)
    if [ -f "$text" ]; then cat "$text" >&2; exit 1; fi
    if [ -f "$text.note" ]; then cat "$text.note" >&2; fi
esac
"""


def complaint_of(name: str) -> Complaint:
    found = diagnose(TEXTS[name][0])
    assert found is not None
    return found


@pytest.mark.timeout(240)
def test_operator_sees_cause_and_cure_of_every_complaint(world_once: World) -> None:
    world = world_once
    complaints = {name: complaint_of(name) for name in TEXTS}
    shown = {name: one for name, one in complaints.items() if one.cure is not Cure.ECHO}
    config = provoke(world, shown)

    world.start(config)

    for name, complaint in shown.items():
        if complaint.cure is Cure.NOTE:
            is_told = partial(listed if name in LASTING_COMPLAINTS else logged, world, name)
            world.wait_for(is_told, f"{name} told", name)
            world.wait_for(lambda now: now["state"] == "streaming", "it goes on", name)
        else:
            now = world.wait_for(lambda now: shows(now, complaint), name, name)  # noqa: B023
            assert now["hint"] == (LOCAL_ROOT_HINT if name == "root_needed" else complaint.hint)


def provoke(world: World, shown: dict[str, Complaint]) -> Path:
    """Make a pair for each complaint: its stream prints it and ends, or goes on after a note."""
    texts = world.root / "texts"
    texts.mkdir()
    pairs = {}
    for name, complaint in shown.items():
        master = world.make_master(name)
        pairs[name] = (master, world.make_slave(master, name))
        suffix = ".note" if complaint.cure is Cure.NOTE else ""
        (texts / f"{name}{suffix}").write_text(TEXTS[name][0] + "\n")
    hammer = wrap(world, COMPLAIN.format(texts=texts))
    return world.configure(pairs, hammer=hammer, backoff_max="5s", backoff_initial="5s")


def logged(world: World, name: str, _now: Status) -> bool:
    return any("pair.complained" in line and name in line for line in world.log().splitlines())


def listed(_world: World, name: str, now: Status) -> bool:
    return name in [complaint["name"] for complaint in now["complaints"]]


def shows(now: Status, complaint: Complaint) -> bool:
    if complaint.cure is Cure.PARK:
        return bool(now["state"] == "parked" and now["because"] == complaint.park_cause)
    waits_for = "mount" if complaint.cure is Cure.MOUNT else "backoff"
    return (now["waiting_for"], now["because"]) == (waits_for, complaint.name)
