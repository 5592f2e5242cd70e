"""Facts of a pair for tests of the plans that change roles, and its world after each step."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.plans import steps
from hammerd.core.plans.record import PlanName, PlanRecord, Stage
from hammerd.core.plans.roles.facts import End, OpenFiles, PairFacts, Role
from hammerd.core.tid import NEVER_MIRRORED, Tid

LOW, HIGH = Tid(0x1000), Tid(0x7000)
UUID = "d0d6402b-e667-11f1-a43e-01301bb8a9f5"
PAIR = Pair("home", Endpoint("/Backup1/home"), Endpoint("/Backup2/pfs/home"))
NOBODY = OpenFiles()


def master(number: int = 1, system_tid: Tid | None = LOW) -> End:
    return _end(number, Role.MASTER, None, system_tid)


def slave(number: int = 2, tid: Tid = LOW, system_tid: Tid | None = HIGH) -> End:
    return _end(number, Role.SLAVE, tid, system_tid)


def dead(number: int = 1, **changes: bool) -> End:
    found = End(_configured(number), trouble="it does not answer")
    return replace(found, link=_link(number), directory=f"/Backup{number}/pfs", **changes)


def _end(number: int, role: Role, tid: Tid | None, system_tid: Tid | None) -> End:
    return End(
        _configured(number),
        role,
        link=_link(number),
        directory=f"/Backup{number}/pfs",
        pfs_id=1,
        tid=tid,
        system_tid=system_tid,
        shared_uuid=UUID,
        unique_uuid=f"unique {number}",
        is_readable=True,
        open_files=NOBODY,
    )


def _configured(number: int) -> Endpoint:
    return PAIR.master if number == 1 else PAIR.slave


def _link(number: int) -> str:
    return f"/Backup{number}/pfs/home"


def facts(first: End, second: End, record: PlanRecord | None = None) -> PairFacts:
    return PairFacts(PAIR, first, second, record)


def record(
    plan: PlanName, stage: Stage = Stage.RUNNING, notes: Mapping[str, str] | None = None
) -> PlanRecord:
    return PlanRecord("home", plan, 1.0, stage, "a step", notes or {})


ROLE_CHANGES: Mapping[str, Mapping[str, object]] = {
    "pfs-upgrade": {"role": Role.MASTER},
    "pfs-downgrade": {"role": Role.SLAVE},
    "pfs-destroy": {"trouble": "missing", "is_missing": True, "role": Role.UNKNOWN},
    "pfs-slave": {
        "trouble": "",
        "is_missing": False,
        "role": Role.SLAVE,
        "unique_uuid": "new",
        "shared_uuid": UUID,
        "open_files": NOBODY,
    },
}
"""The effect of hammer's commands on an end."""


def _tid_after(verb: str, end: End) -> Tid | None:
    after = {"pfs-downgrade": end.system_tid, "pfs-slave": NEVER_MIRRORED}
    return after.get(verb)


Planner = Callable[[PairFacts], steps.Plan | steps.Refused]


@dataclass
class RoleWorld:
    """A world in which the steps of a plan have the effects that a kernel gives them."""

    plan: PlanName
    found: PairFacts
    done: list[str] = field(default_factory=list)

    def run(self, planner: Planner, most: int = 30) -> list[str]:
        """Run a plan to its end, each first step after a new look; return the steps' names."""
        for _ in range(most):
            planned = planner(self.found)
            assert isinstance(planned, steps.Plan), planned
            if not planned.steps:
                return self.done
            step = planned.steps[0]
            self.done.append(step.name)
            self.act(step)
            if isinstance(step.action, steps.Release):
                return self.done
        raise AssertionError(f"no end: {self.done}")

    def act(self, step: steps.Step) -> None:
        match step.action:
            case steps.Hold(notes):
                held = PlanRecord("home", self.plan, 1.0, step="hold", notes=dict(notes))
                self.found = replace(self.found, record=held)
            case steps.KeepHeld():
                kept = self.found.record
                assert kept is not None
                self.found = replace(self.found, record=replace(kept, stage=Stage.PROMOTED))
            case steps.Release():
                self.found = replace(self.found, record=None)
            case steps.Copy(source, target):
                self._copy(source.path, target.path)
            case steps.Command(words):
                self._command(words)
            case steps.EndGroup(pgid):
                left = tuple(each for each in self.found.writers if each.pgid != pgid)
                self.found = replace(self.found, writers=left)
            case _:
                pass
        if step.notes and self.found.record is not None:
            noted = {**self.found.record.notes, **dict(step.notes)}
            self.found = replace(self.found, record=replace(self.found.record, notes=noted))

    def _command(self, words: tuple[str, ...]) -> None:
        path = words[2] if words[1] == "pfs-slave" else words[-1]
        match words[:2]:
            case ("hammer", verb) if verb in ROLE_CHANGES:
                end = self._at(path)
                self._set(path, {**ROLE_CHANGES[verb], "tid": _tid_after(verb, end)})
            case ("touch" | "rm", _):
                proof = path if words[0] == "touch" else None
                self._set(path.rpartition("/")[0], {"proof": proof})
            case ("umount", _):
                for end in (self.found.master, self.found.slave):
                    left = tuple(one for one in end.mounts if one != path)
                    self._set(end.operand.path, {"mounts": left})
            case _:
                pass

    def _copy(self, source: str, target: str) -> None:
        whole = self._at(source)
        newest = whole.tid if whole.role is Role.SLAVE else whole.system_tid
        proof = None if whole.proof is None else f"{target}/proof"
        self._set(target, {"tid": newest, "proof": proof, "is_readable": True})

    def _at(self, path: str) -> End:
        ends = (self.found.master, self.found.slave)
        return next(end for end in ends if end.operand.path == path)

    def _set(self, path: str, change: Mapping[str, object]) -> None:
        for name in ("master", "slave"):
            end: End = getattr(self.found, name)
            if end.operand.path == path:
                changed = replace(end, **change)  # type: ignore[arg-type]
                self.found = replace(self.found, **{name: changed})  # type: ignore[arg-type]
