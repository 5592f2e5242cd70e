"""A random history of a pair without a daemon: changes of roles, killed anywhere, writes, reboots.

All that is written is flushed, and only commands copy, so what an end may hold after a command is
known: what it held before, or what its master held. After each command a master that stays one
holds what it held, a refusal has changed nothing, and an end that became a master by a switchover
holds all. At the end the hints of the refusals must lead to a mirror that runs.
"""

import os
import random
import re
import signal
from dataclasses import dataclass, field

from hammerd.core.exit_codes import Exit
from hammerd.core.plans.roles.switchover import PROOF_NAME
from hammerd.simulator import admin
from tests.cli.plans.roles.test_sessions import ends, is_master, link, raise_tids, tree
from tests.plans_world import PAIR, PlansWorld

MOST_COMMANDS = 12
STEPS = ("hold", "flush", "copy", "downgrade", "last-copy", "compare", "upgrade", "write-proof")
STEPS += ("copy-back", "config", "reload", "release", "keep-held", "destroy", "make-slave")
STEPS += ("first-copy", "upgrade-old")
COMMANDS = (
    ("promote", PAIR, "--yes"),
    ("promote", PAIR, "--yes", "--undo"),
    ("switchover", PAIR, "--yes", "--config"),
    ("switchover", PAIR, "--yes", "--config"),
    ("switchover", PAIR, "--yes", "--undo"),
    ("reseed", PAIR, "--config", "--lose"),
    ("reseed", PAIR, "--config", "--lose"),
    ("provision", PAIR, "--yes"),
)
HINT = re.compile(r'"hammerd ((?:promote|switchover|reseed|provision) [^"]+)"')
LOSE = re.compile(r"--lose ([^ ,]+)")
RISE = re.compile(r"raise them: make about .* in \S+/Backup(\d)/")

Trees = dict[int, dict[str, str]]


@dataclass
class RoleHistory:
    """One history in a world that is mirrored; `told` lists what was done, for a person."""

    world: PlansWorld
    random: random.Random
    told: list[str] = field(default_factory=list)
    commands: int = 0

    def run(self, moves: int) -> None:
        """Make random moves, and then only what the hints say."""
        for _ in range(moves):
            self.random.choice((self._write, self._command, self._command, self._disturb))()
        self._follow_hints()

    # --- moves -----------------------------------------------------------------------------------

    def _write(self) -> None:
        number = self.random.choice([each for each in (1, 2) if self._is_master(each)] or [0])
        if number:
            name = f"file{self.random.randrange(6)}"
            (link(self.world, number) / name).write_text(f"{len(self.told)} of {number}\n")
            admin.flush(self.world.fs(number))
            self.told.append(f"write {name} to {number}")

    def _disturb(self) -> None:
        number = self.random.choice((1, 2))
        if self.random.random() < 0.5:
            self.world.reboot()
            self.told.append("reboot")
        else:
            raise_tids(self.world, number)
            self.told.append(f"raise TIDs of {number}")

    def _command(self) -> None:
        words = self.random.choice(COMMANDS)
        if words[-1] == "--lose":
            words = (*words, self._named_ends()[self.random.randrange(2)])
        moment = self.random.choice(("before", "after"))
        kill = (self.random.choice(STEPS), moment) if self.random.random() < 0.7 else None
        self.carry_out(words, kill)

    # --- commands --------------------------------------------------------------------------------

    def carry_out(self, words: tuple[str, ...], kill: tuple[str, str] | None = None) -> str:
        """Run a command, check what has become of both ends, and return its hints if it failed."""
        masters, trees, before = self._masters(), self._trees(), self._state()
        done = self.world.run(*words, kill=kill)
        self.commands += 1
        killed = f" killed {kill[1]} {kill[0]}" if done.returncode == -signal.SIGKILL else ""
        self.told.append(f"{' '.join(words)}{killed or f': {done.returncode}'}")
        assert done.returncode in (0, 1, -signal.SIGKILL, Exit.USAGE, Exit.UNAVAILABLE), done
        if done.returncode == Exit.UNAVAILABLE and "\n== " not in done.stdout:
            assert self._state() == before, f"refused, and changed: {done.stderr}"
        self._check(masters, trees)
        if done.returncode == 0:
            self._check_end(words, masters, trees)
            return ""
        return " ".join(done.stderr.split())

    def _check(self, masters: set[int], trees: Trees) -> None:
        held = self._trees()
        for number in self._masters():
            other = 3 - number
            if number in masters:
                assert held[number] == trees[number], "a master has changed"
            elif other in self._masters():
                assert held[number] in (trees[number], trees[other]), "it was promoted"
            else:
                expected = trees[other] if other in masters else self._line
                assert held[number] == expected, "it took over by a switchover"
        if len(self._masters()) == 1:
            self._line = held[next(iter(self._masters()))]
        elif not self._masters() and masters:
            self._line = trees[next(iter(masters))]

    _line: dict[str, str] = field(default_factory=dict)

    def _check_end(self, words: tuple[str, ...], masters: set[int], trees: Trees) -> None:
        now, held = self._masters(), self._trees()
        is_held = (self.world.root / f"db/plans/{PAIR}.json").exists()
        assert is_held == (words[0] == "promote" and "--undo" not in words)
        if words[0] in ("switchover", "reseed"):
            assert len(now) == 1
        if words[0] == "reseed" and len(masters) == 2:
            assert held[1] == held[2] == trees[next(iter(now))]

    def _follow_hints(self) -> None:
        """Run what the refusals say until the pair is mirrored by its config."""
        hint = self._first_hint()
        for _ in range(MOST_COMMANDS):
            if not hint and self._is_mirrored():
                return
            hint = self._follow(hint) if hint else self._first_hint()
        raise AssertionError(f"no way out: {hint}")

    def _first_hint(self) -> str:
        """Return the hints of the command that a status names, or that a person tries first."""
        return self.carry_out(("switchover", PAIR, "--yes", "--config"))

    def _follow(self, hint: str) -> str:
        if rise := RISE.search(hint):
            raise_tids(self.world, int(rise[1]))
        if "swap master and slave" in hint:
            self._swap()
            return ""
        if found := HINT.search(hint):
            words = tuple(found[1].split())
            return self.carry_out(words if words[0] == "reseed" else (*words, "--yes"))
        if found := LOSE.search(hint):
            return self.carry_out(("reseed", PAIR, "--config", "--lose", found[1]))
        assert rise, f"it names no command: {hint}"
        return ""

    # --- looks -----------------------------------------------------------------------------------

    def _swap(self) -> None:
        master, slave = self._named_ends()
        text = self.world.config.read_text()
        text = text.replace(f'"{master}"', '"*"').replace(f'"{slave}"', f'"{master}"')
        self.world.config.write_text(text.replace('"*"', f'"{slave}"'))

    def _is_mirrored(self) -> bool:
        """Return whether a copy in the direction of the config makes both ends equal."""
        if list((self.world.root / "db/plans").glob("*.json")):
            return False
        source, target = (2, 1) if "Backup2" in ends(self.world)[0] else (1, 2)
        if not self._is_master(source) or self._is_master(target):
            return False
        (link(self.world, source) / "last").write_text("last\n")
        admin.synctid(self.world.fs(source))
        self.world.run_hammer("mirror-copy", link(self.world, source), link(self.world, target))
        assert self._trees()[1] == self._trees()[2], "a copy does not bring all"
        return True

    def _named_ends(self) -> list[str]:
        return [f"{self.world.root}{line.split(chr(34))[1]}" for line in ends(self.world)]

    def _is_master(self, number: int) -> bool:
        return link(self.world, number).is_symlink() and is_master(self.world, number)

    def _masters(self) -> set[int]:
        return {number for number in (1, 2) if self._is_master(number)}

    def _trees(self) -> Trees:
        return {number: self._tree(number) for number in (1, 2)}

    def _tree(self, number: int) -> dict[str, str]:
        if not os.path.isdir(os.path.realpath(link(self.world, number))):
            return {}
        found = tree(self.world, number)
        return {name: text for name, text in found.items() if name != PROOF_NAME}

    def _state(self) -> object:
        plans = sorted((self.world.root / "db/plans").glob("*.json"))
        texts = [path.read_text() for path in (self.world.config, *plans)]
        return self._masters(), self._trees(), texts
