"""Output of a login to another host does not stop a working link, and explains one that fails.

The lines are those of ssh, of shells and of banners, printed by a stand-in ssh that then runs the
remote half, or fails.
"""

import shlex
from pathlib import Path

import pytest

from tests.core.hammer.test_login_diagnostics import LOOKS_LIKE_HAMMERS, NOISE, SPOOFS
from tests.daemon.world import World
from tests.daemon.wrapped import wrap

RSH = """\
#!/bin/sh
line="{lines}/$(basename "$(eval echo \\${{$#}})")"
cat "$line" >&2
[ -f "$line.off" ] && exit 255
while [ "$1" != hammer ]; do shift; done
shift
exec {hammer} "$@"
"""


def far_world(
    world: World, texts: tuple[str, ...]
) -> tuple[Path, dict[str, tuple[object, object]]]:
    """Make a pair for each text; the login to its slave's host prints the text."""
    lines = world.root / "lines"
    lines.mkdir()
    rsh = world.root / "rsh"
    rsh.write_text(
        RSH.format(lines=shlex.quote(str(lines)), hammer=shlex.quote(str(world.hammer)))
    )
    rsh.chmod(0o755)
    master = world.make_master()
    world.write("first", "first\n")
    pairs = {}
    for number, text in enumerate(texts):
        slave = world.make_slave(master, f"s{number}")
        (lines / slave.name).write_text(text + "\n")
        pairs[slave.name] = (master, f"far:{slave}")
    return lines, pairs


@pytest.mark.timeout(180)
def test_link_that_works_goes_on_whatever_its_login_prints(world: World) -> None:
    texts = (*NOISE, *LOOKS_LIKE_HAMMERS, *SPOOFS)
    _, pairs = far_world(world, texts)
    hammer = wrap(world, f"export HAMMER_RSH={world.root}/rsh")

    world.start(world.configure(pairs, hammer=hammer))

    for number, text in enumerate(texts):
        now = world.wait_for(lambda now: now["phase"] == "idle", text, f"s{number}")
        assert now["restarts"] == 0
        assert now["complaints"] == []
    assert "pair.parked" not in world.log()
    # Without a lock over there a change of gear waits until the slave has drained.
    waits = [line for line in world.log().splitlines() if "pair.waiting" in line]
    assert [line for line in waits if "because=drain" not in line] == []


def test_output_of_a_login_explains_a_link_that_fails(world: World) -> None:
    lines, pairs = far_world(world, ("root@far: Permission denied (publickey).", "a motd"))
    for name in pairs:
        (lines / f"{name}.off").touch()
    hammer = wrap(world, f"export HAMMER_RSH={world.root}/rsh")

    world.start(world.configure(pairs, hammer=hammer))

    refused = world.wait_for(lambda now: now["state"] == "parked", "parked", "s0")
    assert refused["because"] == "refused"
    assert refused["hint"].startswith("far does not accept the key")
    other = world.wait_for(lambda now: now["waiting_for"] == "backoff", "in backoff", "s1")
    assert other["because"] in ("link_lost", "half_died")
    assert "a motd" in other["last_words"]
