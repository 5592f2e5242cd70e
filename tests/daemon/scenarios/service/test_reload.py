"""A running hammerd replaces its config by HUP and by `hammerd reload`, all or nothing."""

import os
import signal
from pathlib import Path

import pytest

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.api.protocol import Verb
from hammerd.core.exit_codes import Exit
from tests.daemon.world import Status, World
from tests.waiting import until


class Mirrors:
    """Some masters and their slaves, and a daemon that streams them."""

    def __init__(self, world: World, *names: str) -> None:
        self.world = world
        self.ends = {}
        for name in names:
            master = world.make_master(name)
            self.ends[name] = (master, world.make_slave(master, name))
            world.write("first", "first\n", name)

    def configure(self, *names: str, **keys: str) -> Path:
        return self.world.configure({name: self.ends[name] for name in names}, **keys)

    def start(self, *names: str, **keys: str) -> None:
        self.daemon = self.world.start(self.configure(*names, **keys))
        for name in names:
            self.world.wait_until_following(name)

    def hang_up(self) -> None:
        self.daemon.send_signal(signal.SIGHUP)

    def pids(self, *names: str) -> dict[str, object]:
        return {name: self.world.status(name)["pid"] for name in names}

    def names(self) -> list[str]:
        answer = self.world.ask(Verb.STATUS)
        return [pair["pair"] for pair in answer["pairs"]]


def is_up(now: Status) -> bool:
    return now["state"] == "streaming"


def test_only_what_changed_is_touched(world: World) -> None:
    mirrors = Mirrors(world, "kept", "changed", "gone", "new")
    mirrors.start("kept", "changed", "gone")
    before = mirrors.pids("kept", "changed")

    config = mirrors.configure("kept", "changed", "new")
    text = config.read_text()
    config.write_text(text.replace("[pairs.changed]\n", '[pairs.changed]\ndelay = "2s"\n'))
    mirrors.hang_up()

    world.wait_for_log("config.reloaded")
    until(lambda: mirrors.names() == ["kept", "changed", "new"], "the removed pair is forgotten")
    world.wait_for(is_up, "the new pair streams", "new")
    until(lambda: mirrors.pids("changed") != mirrors.pids("kept"), "an argv of its own")
    world.wait_for(
        lambda now: is_up(now) and now["pid"] != before["changed"], "streaming again", "changed"
    )
    assert mirrors.pids("kept")["kept"] == before["kept"]
    line = next(line for line in world.log().splitlines() if "config.reloaded" in line)
    assert "started=new stopped=gone restarted=changed" in line
    assert "kept=kept" in line


def test_swapped_slaves_wait_for_each_other(world: World) -> None:
    """Never two groups on a slave: each pair gets a slave of another master, so both park."""
    mirrors = Mirrors(world, "a", "b")
    mirrors.start("a", "b")
    (one, first), (other, second) = mirrors.ends["a"], mirrors.ends["b"]

    world.configure({"a": (one, second), "b": (other, first)})
    mirrors.hang_up()

    for name in ("a", "b"):
        world.wait_for(lambda now: now["because"] == "uuid_mismatch", "not its own slave", name)
    mirrors.configure("a", "b")
    mirrors.hang_up()
    for name in ("a", "b"):
        world.wait_for(is_up, "its own slave again", name)


def test_renamed_pair_waits_until_its_slave_is_free(world: World) -> None:
    mirrors = Mirrors(world, "old")
    mirrors.start("old")

    world.configure({"renamed": mirrors.ends["old"]})
    answer = world.ask(Verb.RELOAD)

    assert answer["started"] == ["renamed"]
    assert answer["stopped"] == ["old"]
    world.wait_for(is_up, "it streams under its new name", "renamed")
    assert mirrors.names() == ["renamed"]


@pytest.mark.parametrize("way", ["signal", "verb"])
def test_config_with_faults_leaves_everything_as_it_is(world_once: World, way: str) -> None:
    world = world_once
    mirrors = Mirrors(world, "a", "b")
    mirrors.start("a", "b")
    before = mirrors.pids("a", "b")

    config = mirrors.configure("a", delay="0s", backoff_max="never")
    if way == "signal":
        mirrors.hang_up()
    else:
        with pytest.raises(CommandFailed) as refusal:
            world.ask(Verb.RELOAD)
        assert refusal.value.code == Exit.CONFIG
        assert "defaults.delay" in str(refusal.value)
        assert "defaults.backoff_max" in str(refusal.value)

    log = world.wait_for_log("config.refused")
    assert "defaults.delay" in log
    assert "defaults.backoff_max" in log
    assert mirrors.pids("a", "b") == before
    daemon = world.ask(Verb.STATUS)["hammerd"]
    assert "defaults.delay" in daemon["reload_refused_because"]
    assert daemon["reload_refused_time"] is not None
    assert daemon["health"] == "warning"

    config.write_text(mirrors.configure("a", "b").read_text())
    mirrors.hang_up()
    until(
        lambda: world.ask(Verb.STATUS)["hammerd"]["reload_refused_because"] is None, "it is sound"
    )
    assert mirrors.pids("a", "b") == before


def test_pause_outlives_reloads_and_the_pairs_absence(world_once: World) -> None:
    world = world_once
    mirrors = Mirrors(world, "a", "b")
    mirrors.start("a", "b")
    world.ask(Verb.PAUSE, "a")
    world.wait_for(lambda now: now["state"] == "stopped", "paused", "a")

    mirrors.configure("b")
    world.ask(Verb.RELOAD)
    until(lambda: mirrors.names() == ["b"], "a is removed")
    mirrors.configure("b", "a", lag_warning="7m")
    answer = world.ask(Verb.RELOAD)

    assert (answer["started"], answer["paused"]) == ([], ["a"])
    assert answer["retuned"] == ["b"]
    assert world.status("a")["wanted"] == "paused"
    assert world.status("a")["state"] == "stopped"


def test_paused_pair_whose_stream_would_change_is_not_reported_as_restarted(
    world_once: World,
) -> None:
    world = world_once
    mirrors = Mirrors(world, "a", "b")
    mirrors.start("a", "b")
    world.ask(Verb.PAUSE, "a")
    world.wait_for(lambda now: now["state"] == "stopped", "paused", "a")

    mirrors.configure("a", "b", delay="3s")
    answer = world.ask(Verb.RELOAD)

    assert (answer["restarted"], answer["paused"]) == (["b"], ["a"])
    assert world.status("a")["state"] == "stopped"


def test_fifo_in_place_of_the_config_is_refused_and_delays_nothing(world_once: World) -> None:
    world = world_once
    mirrors = Mirrors(world, "a")
    mirrors.start("a")
    config = world.root / "hammerd.toml"
    config.unlink()
    os.mkfifo(config)

    with pytest.raises(CommandFailed, match="no file but a FIFO"):
        world.ask(Verb.RELOAD)

    assert is_up(world.status("a"))


def test_pair_is_disabled_and_enabled(world_once: World) -> None:
    world = world_once
    mirrors = Mirrors(world, "a", "b")
    mirrors.start("a", "b")

    config = mirrors.configure("a", "b")
    text = config.read_text()
    config.write_text(text.replace("[pairs.a]\n", "[pairs.a]\nenabled = false\n"))
    world.ask(Verb.RELOAD)
    world.wait_for(lambda now: now["state"] == "stopped", "disabled", "a")
    assert mirrors.names() == ["a", "b"]
    config.write_text(text)
    world.ask(Verb.RELOAD)

    world.wait_for(is_up, "enabled", "a")


def test_logs_follow_their_settings(world_once: World) -> None:
    world = world_once
    mirrors = Mirrors(world, "a")
    mirrors.start("a")
    moved = world.root / "log/moved.log"

    config = mirrors.configure("a")
    text = config.read_text().replace("log/hammerd.log", "log/moved.log")
    config.write_text(text.replace("[daemon]\n", '[daemon]\nlog_format = "json"\n'))
    answer = world.ask(Verb.RELOAD)

    until(lambda: moved.exists() and '"event": "config.reloaded"' in moved.read_text(), "moved")
    assert answer["for_next_start"] == []
    assert answer["kept"] == ["a"]
    assert answer["applied"] == ["log_file", "log_format"]
    config.write_text(text.replace(str(world.run_dir), str(world.root / "elsewhere")))
    assert world.ask(Verb.RELOAD)["for_next_start"] == ["run_dir"]


def test_log_that_cannot_be_written_is_refused(world_once: World) -> None:
    world = world_once
    mirrors = Mirrors(world, "a")
    mirrors.start("a")

    mirrors.configure("a", log_file=str(world.root))

    with pytest.raises(CommandFailed, match=r"log_file"):
        world.ask(Verb.RELOAD)
    assert is_up(world.status("a"))


def test_storm_of_reloads_ends_with_one_stream_for_each_pair(world: World) -> None:
    mirrors = Mirrors(world, "a", "b")
    mirrors.start("a", "b")

    for number in range(6):
        if number % 2:
            mirrors.configure("a", "b", delay=f"{1 + number}s")
        else:
            world.configure({"b": mirrors.ends["a"], "c": mirrors.ends["b"]})
        world.ask(Verb.RELOAD)
    mirrors.configure("a", "b")
    world.ask(Verb.RELOAD)

    for name in ("a", "b"):
        world.wait_for(is_up, "it streams", name)
    assert mirrors.names() == ["a", "b"]
    assert world.stop(mirrors.daemon) == 0
