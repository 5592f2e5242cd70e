"""Each death of a link to another host is noticed, named, and retried if that may help.

One hammerd has a pair for each death, so that all of them together take a few seconds.
"""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hammerd.core.api.protocol import Verb
from tests.daemon.world import Status, World
from tests.remote.link_deaths import DEATHS, Scene, add_all
from tests.remote.remote_world import a_remote_world
from tests.waiting import until

ENOUGH_ATTEMPTS = 2
"""So many failed streams show that a pair is retried, and how it looks in between."""

LOOK_S = 0.15
"""The status of all pairs costs as much as a launch; a launch takes longer than this."""

PARKED = {name for name, death in DEATHS.items() if death.state == "parked"}


@dataclass
class Watch:
    """Looks at all pairs again and again, until each death was noticed.

    `noticed` holds the status that first showed it; `flaps` are the looks at pairs that had failed
    and seemed well.
    """

    near: World
    noticed: dict[str, Status] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    flaps: list[str] = field(default_factory=list)
    left: dict[str, Status] = field(default_factory=dict)

    def has_noticed_all(self) -> bool:
        time.sleep(LOOK_S)
        self.left = {}
        for now in self.near.ask(Verb.STATUS)["pairs"]:
            name = now["pair"]
            if name not in DEATHS:
                continue
            if is_noticed(name, now):
                self.noticed.setdefault(name, now)
            if now["waiting_for"] or now["state"] == "parked":
                self.failed.add(name)
            elif name in self.failed and now["health"] in ("ok", "unknown"):
                self.flaps.append(f"{name}: {now['state']} {now['health']}")
            if name not in self.noticed:
                self.left[name] = now
        return not self.left


def is_noticed(name: str, now: Status) -> bool:
    death, attempts = DEATHS[name], now["failures"] + now["restarts"]
    is_retried = death.state != "backoff" or attempts >= ENOUGH_ATTEMPTS
    return is_retried and death.is_shown(now) and now["because"] == death.because


def wrong_words(name: str, now: Status) -> list[str]:
    """Return what a status lacks that tells a person of a death."""
    death, last_words = DEATHS[name], " | ".join(now["last_words"])
    health = "critical" if death.state == "parked" else "warning"
    wanted = ((death.words, last_words), (death.hint, now["hint"]), (health, now["health"]))
    return [f"{name}: no {word!r} in {text}" for word, text in wanted if word not in text]


@pytest.mark.timeout(240)
def test_each_death_is_named_and_ends_with_its_cause() -> None:
    with a_remote_world() as remote, ExitStack() as stack:
        remote.add_host()
        scene = Scene(remote, stack)
        add_all(scene)
        near = remote.near
        near.start(near.configure(scene.pairs, scene.keys, backoff_max="5s"))
        for name in ("alive", *scene.kills):
            near.wait_until_following(name)
        for kill in scene.kills.values():
            kill()
        # The stall of a half that is frozen alone shows at the next write only.
        near.write("later", "text\n", "m")

        watch = Watch(near)
        try:
            until(watch.has_noticed_all, "each death is noticed")
        except AssertionError:
            raise AssertionError(f"not noticed: {watch.left}\n{near.log()}") from None

        wrong = [word for name, now in watch.noticed.items() for word in wrong_words(name, now)]
        assert (wrong, watch.flaps) == ([], [])
        for name in scene.kills:
            near.wait_for_log(f"pair.stopping pair={name} from_state=streaming")
        near.wait_for_log("pair.stopping pair=half_frozen from_state=streaming because=stalled")
        assert_nobody_repeats_what_only_a_person_cures(near)
        assert_cures_work(scene)
        assert near.status("alive")["restarts"] == 0


def assert_nobody_repeats_what_only_a_person_cures(near: World) -> None:
    # A key that is restricted to hammer's commands refuses the guard first.
    waits = [line for line in near.log().splitlines() if "pair.waiting" in line]
    waits = [line for line in waits if "because=guard_refused" not in line]
    assert not [name for name in PARKED if any(f" pair={name} " in line for line in waits)]


def assert_cures_work(scene: Scene) -> None:
    for cure in scene.cures.values():
        cure()
    scene.remote.near.ask(Verb.RESTART, *(PARKED & scene.cures.keys()))
    for name in (*scene.cures, "half_frozen"):
        scene.remote.near.wait_until_following(name)
    slave = Path(str(scene.pairs["half_frozen"][1]).partition(":")[2])
    until((slave / "later").exists, "the guard has ended the frozen half")
