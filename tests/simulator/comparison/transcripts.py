"""Compares a rerun with its recording: output, waits, commits, processes and files.

Permitted differences are in replay/normalise.py.
"""

from __future__ import annotations

from itertools import groupby, pairwise
from math import isclose
from statistics import median

from tests.simulator.comparison.process_states import our_trees, recorded_trees
from tests.simulator.replay.normalise import (
    arguments_in,
    by_process,
    file_text,
    is_record,
    line_kinds,
    normalised,
    without_broken_pipes,
    without_counts,
    without_delay_marks,
    without_peer_errors,
    without_snapshots,
    without_tid_names,
)
from tests.simulator.replay.recording import RecordedTids, Recording
from tests.simulator.replay.rerun import Rerun

GAP_S = 0.9
"""The shortest pause that is a wait; shorter ones are due to the speed of the machine."""
ROUNDED_S = 0.5
DELAY_SLACK_S = 1.0
"""A remaining delay may be a second longer or shorter (rule 7), which only -v shows."""
LATENCY_TOLERANCE, COUNT_TOLERANCE = 0.15, 0.10
LAST_MESSAGE_BYTES = 90
SECOND_STDERR = 3

Chunks = list[tuple[float, str]]
Gaps = list[tuple[str, float]]


def differences(rerun: Rerun) -> list[str]:
    """Return the differences of a rerun from its recording; empty if they agree."""
    found = _all_differences(rerun)
    return found + [f"not replayed: {line}" for line in rerun.unknown_actions if found]


def _all_differences(rerun: Rerun) -> list[str]:
    recording = rerun.recording
    found = rerun.failures + _end_differences(rerun)
    found += _output_differences(recording, "stderr", rerun.scenario.to_recording(rerun.stderr))
    if recording.has("second.stderr") and len(rerun.pipes) > SECOND_STDERR:
        output = rerun.scenario.to_recording(rerun.pipes[SECOND_STDERR].all())
        found += _output_differences(recording, "second.stderr", output)
    if recording.is_statistical():
        return found + _latency_differences(rerun)
    found += _wait_differences(rerun)
    if not recording.is_racing():
        found += _commit_differences(rerun)
    recorded, ours = recorded_trees(recording), our_trees(rerun)
    if recorded != ours:
        found.append(f"processes {ours}, not {recorded}")
    return found + _file_differences(rerun)


def _end_differences(rerun: Rerun) -> list[str]:
    recording, found = rerun.recording, []
    was_ended = any("harness ends the run" in what for _, what in recording.actions)
    status = None if was_ended else rerun.status
    if recording.status() != status:
        found.append(f"exit {status}, not {recording.status()}")
    recorded, ours = recording.content("stdout"), rerun.pipes[0].all()
    if is_record(recorded):
        if recorded[:4] != ours[:4]:
            found.append(f"stdout begins with {ours[:4]!r}, not {recorded[:4]!r}")
    elif normalised(recording.output("stdout")) != normalised(rerun.scenario.to_recording(ours)):
        found.append(f"stdout {rerun.scenario.to_recording(ours)!r}, not {recorded!r}")
    return found


def _output_differences(recording: Recording, name: str, ours: str) -> list[str]:
    recorded, ours = normalised(recording.output(name)), normalised(ours)
    was_cut = recording.status() is None or name != "stderr"
    if recording.is_unread():
        ours = ours[: len(recorded)]  # the output after reading began was not recorded
    if agree(recorded, ours, was_cut=was_cut):
        return []
    if recording.is_racing():
        recorded, ours = without_counts(recorded), without_counts(ours)
    if recording.delay_s() == 0 or recording.is_racing():
        kinds = line_kinds(recorded), line_kinds(ours)
        return [] if kinds[0] == kinds[1] else [f"{name} repeats {kinds[1]}, not {kinds[0]}"]
    return _part_differences(recording, name, recorded, ours, was_cut=was_cut)


def _part_differences(
    recording: Recording, name: str, recorded: str, ours: str, *, was_cut: bool
) -> list[str]:
    """Compare the output of each half, without the parts that are random."""
    if any(one.startswith("closed fds") for one in recording.setup):
        recorded, ours = without_broken_pipes(recorded), without_broken_pipes(ours)
    if recording.second:
        recorded, ours = without_snapshots(recorded), without_snapshots(ours)
    if _has_random_peer_errors(recording):
        recorded, ours = without_peer_errors(recorded), without_peer_errors(ours)
    if recording.delay_s() == 1 or recording.has_close_delays():  # rule 7
        recorded, ours = without_delay_marks(recorded), without_delay_marks(ours)
    parts, own_parts = by_process(recorded), by_process(ours)
    return [
        f"{name} of {speaker}: {first_difference(own_parts[speaker], parts[speaker])}"
        for speaker in parts
        if not agree(parts[speaker], own_parts[speaker], was_cut=was_cut)
    ]


def _has_random_peer_errors(recording: Recording) -> bool:
    """Return whether a half ended in a way that makes the other's last message random."""
    done = [what for _, what in recording.actions] + recording.setup
    broken = ("kill ", "SIGKILL", "fake kernel knob", "process ended")
    return "HAMMER_RSH" in recording.environment() or any(one.startswith(broken) for one in done)


def agree(recorded: str | list[str], ours: str | list[str], *, was_cut: bool) -> bool:
    """Return whether both are equal; if a stream was cut off, but for one message at the end."""
    if recorded == ours:
        return True
    shorter, longer = sorted((recorded, ours), key=len)
    if not was_cut or longer[: len(shorter)] != shorter:
        return False
    rest = "".join(longer[len(shorter) :])
    return len(rest) < LAST_MESSAGE_BYTES or rest.count("\n") <= 1


def first_difference(ours: list[str], recorded: list[str]) -> str:
    pairs = enumerate(zip(ours, recorded, strict=False))
    fewest = min(len(ours), len(recorded))
    place = next((index for index, (one, other) in pairs if one != other), fewest)
    around = slice(max(0, place - 2), place + 3)
    counts = f"{len(ours)} pieces, not {len(recorded)}"
    return f"at piece {place} of {counts}: {ours[around]}, not {recorded[around]}"


def _latency_differences(rerun: Rerun) -> list[str]:
    """Compare median and maximum latency, and the number of commits."""
    recorded, ours = rerun.recording.tid_samples, rerun.tid_samples
    theirs, own, found = _latencies(recorded), _latencies(ours), []
    if not theirs or not own:
        return [f"{len(own)} writes arrived, not {len(theirs)}"] if theirs or own else []
    for name, statistic in (("median", median), ("maximum", max)):
        if not isclose(statistic(own), statistic(theirs), rel_tol=LATENCY_TOLERANCE, abs_tol=0.05):
            found.append(f"{name} latency {statistic(own):.2f} s, not {statistic(theirs):.2f} s")
    counts = _commit_count(ours), _commit_count(recorded)
    if not isclose(*counts, rel_tol=COUNT_TOLERANCE, abs_tol=1):
        found.append(f"{counts[0]} commits, not {counts[1]}")
    return found


def _latencies(tid_samples: list[RecordedTids]) -> list[float]:
    """Return the seconds that each flush TID of the source took to reach the slave."""
    written = [
        (new.source, new.at) for old, new in pairwise(tid_samples) if new.source != old.source
    ]
    moved = [sample for sample in tid_samples if sample.slave is not None]
    arrivals = [
        (at, next((sample.at for sample in moved if (sample.slave or 0) >= tid), None))
        for tid, at in written
    ]
    return [arrived - at for at, arrived in arrivals if arrived is not None]


def _commit_count(tid_samples: list[RecordedTids]) -> int:
    return sum(new.slave != old.slave for old, new in pairwise(tid_samples))


def _wait_differences(rerun: Rerun) -> list[str]:
    """Compare the pauses in the output, in order or by their place in the text.

    In virtual time a pause is exactly the wait that the simulator asked for.
    """
    recorded = rerun.recording.chunks
    if not rerun.recording.has("timing.jsonl"):
        return []
    ours = [(at, rerun.scenario.to_recording(data)) for at, data in rerun.pipes[1].chunks]
    found = _gap_differences("wait", _gaps(recorded), _gaps(ours))
    return found if found and not _pause_alike(recorded, ours) else []


def _gaps(chunks: Chunks) -> Gaps:
    pairs = pairwise(chunks)
    return [(text[-2:], later - at) for (at, text), (later, _) in pairs if later - at >= GAP_S]


def _pause_alike(one: Chunks, other: Chunks) -> bool:
    """Return whether both pause at the same places of the text for the same times."""
    shortest = min(sum(len(text) for _, text in chunks) for chunks in (one, other))
    places = {place for chunks in (one, other) for place in _pauses(chunks) if place < shortest}
    differ = [abs(_pause_at(one, place) - _pause_at(other, place)) for place in places]
    return all(seconds <= ROUNDED_S for seconds in differ)


def _pauses(chunks: Chunks) -> list[int]:
    place, places = 0, []
    for (at, text), (later, _) in pairwise(chunks):
        place += len(without_delay_marks(text))
        if later - at >= GAP_S:
            places.append(place)
    return places


def _pause_at(chunks: Chunks, place: int) -> float:
    """Return the seconds before the output after a place."""
    total, before = 0, 0.0
    for at, text in chunks:
        total += len(without_delay_marks(text))
        if total > place:
            return at - before
        before = at
    return 0.0


def _commit_differences(rerun: Rerun) -> list[str]:
    """Compare the times between moves of the slave's TID."""
    recording = rerun.recording
    if not recording.tid_samples:
        return []
    # Unread, it writes until the pipe is full, at the speed of its machine, and then blocks.
    has_slack = recording.is_silent() or recording.is_unread()
    slack = DELAY_SLACK_S if has_slack else 0.0
    return _gap_differences(
        "commit after",
        _delays_between(recording.tid_samples),
        _delays_between(rerun.tid_samples),
        slack,
    )


def _delays_between(tid_samples: list[RecordedTids]) -> Gaps:
    changes = [next(group) for _, group in groupby(tid_samples, key=lambda sample: sample.slave)]
    pairs = [(old.at, new.at) for old, new in pairwise(changes)]
    return [("", later - at) for at, later in pairs if later - at >= GAP_S]


def _gap_differences(what: str, recorded: Gaps, ours: Gaps, slack: float = 0.0) -> list[str]:
    pairs = zip(recorded, ours, strict=False)
    are_alike = all(
        abs(theirs[1] - own[1]) <= ROUNDED_S + (DELAY_SLACK_S if theirs[0] == "\bD" else slack)
        for theirs, own in pairs
    )
    if are_alike and abs(len(recorded) - len(ours)) <= 1:  # the last may have been cut off
        return []
    return [f"{what}: {_written(ours)}, not {_written(recorded)}"]


def _written(gaps: Gaps) -> str:
    return " ".join(f"{seconds:.1f}{before!r}" for before, seconds in gaps)


def _file_differences(rerun: Rerun) -> list[str]:
    recording, found = rerun.recording, []
    if recording.has("rsh.log"):
        recorded, ours = arguments_in(recording.text("rsh.log")), rerun.scenario.calls_of_rsh()
        if recorded != ours:
            found.append(f"rsh was given {ours}, not {recorded}")
    for name in ("scoreboard", "cyclefile"):
        if recording.has(name):
            written = rerun.machine.root / name
            content = written.read_bytes() if written.exists() else b""
            if file_text(content) != file_text(recording.content(name)):
                found.append(f"{name} {content!r}, not {recording.content(name)!r}")
    return found + _board_differences(rerun)


def _board_differences(rerun: Rerun) -> list[str]:
    """Compare the scoreboards that lasted long enough to be recorded."""
    if not rerun.recording.has("scoreboard.jsonl"):
        return []
    recorded = [(at, without_tid_names(content)) for at, content in rerun.recording.boards()]
    lasting = {content for (at, content), (later, _) in pairwise(recorded) if later - at > GAP_S}
    ours = [without_tid_names(file_text(board)) for board in rerun.boards]
    shown = {content for _, content in recorded}
    unexpected = [board for board in ours if board not in shown]
    missing = [board for board in lasting if board not in ours]
    return [f"scoreboard showed {board!r}" for board in unexpected] + [
        f"scoreboard never showed {board!r}" for board in missing
    ]
