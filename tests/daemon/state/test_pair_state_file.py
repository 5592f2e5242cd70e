"""State files that are damaged, foreign or unreadable cause no crash and lose no pause."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hammerd.core.replication.lag import SlaveReading
from hammerd.core.replication.slave_tids import SlaveTids
from hammerd.core.replication.tid_clock import FlushMark, TidClock, TidSample
from hammerd.core.tid import Tid
from hammerd.daemon.state import atomic_file, pair_state_file, tid_clock_file
from hammerd.daemon.state.pair_state_file import SavedPair
from hammerd.daemon.state.saved_ends import SavedEnd
from hammerd.daemon.state.saved_latches import UNREADABLE, SavedPromotion
from hammerd.daemon.state.tid_clock_file import SavedClocks
from hammerd.daemon.state.unacknowledged import SavedAnomaly, SavedComplaint, Unacknowledged

FULL = SavedComplaint("slave_full", "make room", "No space left on device", 12, 1.8e9, 1.9e9)
DAMAGED = SavedComplaint("data_damaged", "", "data_crc did not match", 1, 1.85e9, 1.85e9)
WENT_BACK = SavedAnomaly("slave.tid_went_back", "/slave", "0x2", "0x1", 1.8e9)
PROMOTED = SavedAnomaly("end.role_changed", "/slave", "slave", "master", 1.9e9)
END = SavedEnd("/slave", 3, "shared", "unique", is_master=False)
UNACKNOWLEDGED = Unacknowledged((FULL, DAMAGED), (WENT_BACK, PROMOTED))

PAIRS = {
    "home": SavedPair(True, 2e9, False, UNACKNOWLEDGED),
    "mail": SavedPair(True, None, True),
    "src": SavedPair(False, None, True, disks=("uuid 1", "uuid 2"), ends=(END,)),
    "far": SavedPair(is_far_unlocked=True, failed_because="connection_timed_out"),
    "held": SavedPair(
        promotion=SavedPromotion("moved", 1.9e9, "0x0000000000000003", None),
        latched_ends=("/master", "h:/slave"),
    ),
}
DEEP = "[" * 100_000
HUGE = "1" + "0" * 400


def entry(**fields: object) -> str:
    whole = {"is_paused": True, "paused_until_time": None, "is_diverged": False, **fields}
    return json.dumps({"version": 1, "pairs": {"test": whole}})


def test_state_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "state.json"

    pair_state_file.save(path, PAIRS)

    assert pair_state_file.load(path) == pair_state_file.Loaded(PAIRS)


@pytest.mark.parametrize(
    "promotion",
    [
        "yes",
        7,
        {},
        {"sign": "heard", "since_time": 1.9e9},
        {"sign": "seen", "since_time": "then"},
        {"sign": "seen", "since_time": 1.9e9, "before": "a TID"},
        {"sign": "seen", "since_time": 1.9e9, "after": HUGE},
    ],
)
def test_invalid_latch_counts_as_set(tmp_path: Path, promotion: object) -> None:
    path = tmp_path / "state.json"
    path.write_text(entry(is_paused=False, promotion=promotion))

    loaded = pair_state_file.load(path)

    assert loaded.pairs["test"].promotion == UNREADABLE
    assert loaded.errors


def test_missing_file_is_no_error(tmp_path: Path) -> None:
    assert pair_state_file.load(tmp_path / "state.json") == pair_state_file.Loaded()


@pytest.mark.parametrize(
    "text",
    [
        entry(paused_until_time="soon"),
        entry(paused_until_time=1e300),
        entry(paused_until_time=float("nan")),
        entry(paused_until_time=float("inf")),
        entry(paused_until_time=-5),
        entry(paused_until_time=True),
        entry(paused_until_time=int(HUGE)),
        entry(paused_for_s="long"),
        entry(paused_for_s=-1),
        entry(paused_for_s=float("nan")),
        entry(is_paused="yes"),
        entry(is_diverged=None),
        '{"version": 1, "pairs": {"test": null}}',
        '{"version": 1, "pairs": {"test": {}}}',
    ],
)
def test_pair_with_an_invalid_entry_counts_as_paused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)

    loaded = pair_state_file.load(path)

    assert loaded.pairs == {"test": SavedPair(is_paused=True)}
    assert "pair test: " in loaded.errors[0]
    assert path.read_text() == text


@pytest.mark.parametrize("text", ["", "{", DEEP, "[]", '{"version": 1}', "1" * 5000, "\0", '"'])
def test_damaged_file_is_repaired_from_its_copy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    pair_state_file.save(path, PAIRS)
    path.write_text(text)

    loaded = pair_state_file.load(path)

    assert loaded.pairs == PAIRS
    assert str(path) in loaded.errors[0]


@pytest.mark.parametrize("both", ["{", "", "\0", "[]", '{"version": 1, "pairs": []}'])
@pytest.mark.parametrize("has_main", [True, False], ids=["both", "only the copy"])
def test_every_pair_counts_as_paused_if_no_file_can_be_read(
    tmp_path: Path, both: str, *, has_main: bool
) -> None:
    path = tmp_path / "state.json"
    if has_main:
        path.write_text(both)
    pair_state_file.copy_of(path).write_text(both)

    loaded = pair_state_file.load(path)

    assert loaded.of("test") == SavedPair(is_paused=True)
    assert str(pair_state_file.copy_of(path)) in loaded.errors[-1]


def test_every_pair_counts_as_paused_if_the_only_file_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("{")

    assert pair_state_file.load(path).of("test").is_paused


def test_pair_without_an_entry_in_valid_files_is_not_paused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    pair_state_file.save(path, PAIRS)

    assert pair_state_file.load(path).of("new") == SavedPair()


def test_invalid_entry_is_repaired_from_the_copy(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    pair_state_file.save(path, PAIRS)
    data = json.loads(path.read_text())
    data["pairs"]["home"]["paused_until_time"] = "soon"
    path.write_text(json.dumps(data))

    assert pair_state_file.load(path).pairs == PAIRS


def test_missing_file_is_replaced_by_its_copy(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    pair_state_file.save(path, PAIRS)
    path.unlink()

    loaded = pair_state_file.load(path)

    assert loaded.pairs == PAIRS
    assert "is gone" in loaded.errors[0]


def test_newer_version_is_read_as_far_as_possible(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    data = json.loads(pair_state_file.dump(PAIRS)) | {"version": 2, "moods": []}
    data["pairs"]["home"]["mood"] = "sullen"
    path.write_text(json.dumps(data))

    loaded = pair_state_file.load(path)

    assert loaded.pairs == PAIRS
    assert loaded.errors == (f"{path}: its version 2 is not 1",)


@pytest.mark.parametrize(
    "make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/etc/passwd")]
)
def test_copy_is_read_if_the_path_is_no_regular_file(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "state.json"
    pair_state_file.save(path, PAIRS)
    path.unlink()
    make(path)

    loaded = pair_state_file.load(path)
    atomic_file.set_aside(path)
    pair_state_file.save(path, PAIRS)

    assert loaded.pairs == PAIRS
    assert loaded.errors
    assert pair_state_file.load(path) == pair_state_file.Loaded(PAIRS)
    assert "state.json.bad" in os.listdir(tmp_path)


# --- unacknowledged messages -----------------------------------------------------------------


def damage(path: Path, *keys: str | int, value: object) -> None:
    """Replace a value among the unacknowledged messages of the pair `home` in a file."""
    data = json.loads(path.read_text())
    place = data["pairs"]["home"]
    keys = ("unacknowledged", *keys)
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(data))


ONE_COMPLAINT = asdict(FULL)
ONE_ANOMALY = asdict(WENT_BACK)
NONSENSE = [
    ((), "gone", Unacknowledged()),
    (("complaints",), None, Unacknowledged((), UNACKNOWLEDGED.anomalies)),
    (("anomalies",), {}, Unacknowledged(UNACKNOWLEDGED.complaints)),
    *(
        (("complaints", 0), bad, Unacknowledged((DAMAGED,), UNACKNOWLEDGED.anomalies))
        for bad in (
            7,
            {},
            ONE_COMPLAINT | {"count": 0},
            ONE_COMPLAINT | {"count": True},
            ONE_COMPLAINT | {"count": 1 << 60},
            ONE_COMPLAINT | {"text": None},
            ONE_COMPLAINT | {"last_time": float("nan")},
        )
    ),
    *(
        (("anomalies", 0), bad, Unacknowledged(UNACKNOWLEDGED.complaints, (PROMOTED,)))
        for bad in (
            "slave.tid_went_back",
            [],
            ONE_ANOMALY | {"name": "slave.danced"},
            ONE_ANOMALY | {"name": ["slave.tid_went_back"]},
            ONE_ANOMALY | {"end": 1},
            ONE_ANOMALY | {"time": 1e300},
        )
    ),
]


@pytest.mark.parametrize(("keys", "value", "left"), NONSENSE)
def test_damaged_unacknowledged_messages_affect_no_pause_and_no_latch(
    tmp_path: Path, keys: tuple[str | int, ...], value: object, left: Unacknowledged
) -> None:
    path = tmp_path / "state.json"
    pair_state_file.save(path, PAIRS)
    pair_state_file.copy_of(path).unlink()
    damage(path, *keys, value=value)

    loaded = pair_state_file.load(path)

    assert loaded.pairs == PAIRS | {"home": SavedPair(True, 2e9, False, left)}
    assert len(loaded.errors) == 1
    assert "pair home: unacknowledged " in loaded.errors[0]


@pytest.mark.parametrize(("keys", "value", "left"), NONSENSE)
def test_damaged_unacknowledged_messages_are_repaired_from_the_copy(
    tmp_path: Path, keys: tuple[str | int, ...], value: object, left: Unacknowledged
) -> None:
    path = tmp_path / "state.json"
    pair_state_file.save(path, PAIRS)
    damage(path, *keys, value=value)

    loaded = pair_state_file.load(path)

    repaired = loaded.pairs["home"].unacknowledged
    assert set(repaired.complaints) == set(UNACKNOWLEDGED.complaints)
    assert set(repaired.anomalies) == set(UNACKNOWLEDGED.anomalies)
    assert loaded.errors


def test_pause_is_not_taken_from_an_older_copy_because_a_complaint_is_damaged(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.json"
    older = SavedPair(False, None, False, UNACKNOWLEDGED)
    pair_state_file.save(pair_state_file.copy_of(path), {"home": older})
    path.write_text(pair_state_file.dump(PAIRS))
    damage(path, "complaints", 0, value=None)

    assert pair_state_file.load(path).pairs["home"] == SavedPair(
        True, 2e9, False, Unacknowledged((FULL, DAMAGED), UNACKNOWLEDGED.anomalies)
    )


def test_file_of_a_version_without_complaints_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(entry())

    assert pair_state_file.load(path) == pair_state_file.Loaded(
        {"test": SavedPair(is_paused=True)}
    )


def test_unprintable_characters_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    pair_state_file.save(path, PAIRS)
    damage(path, "complaints", 0, "text", value="No\x1b[2J \ud800space")

    assert (
        pair_state_file.load(path).pairs["home"].unacknowledged.complaints[0].text
        == "No?[2J ?space"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("version", "pairs", "clocks", "slaves", "is_paused", "paused_until_time"),
                    *("unacknowledged", "complaints", "anomalies", "x"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=JSON, is_versioned=st.booleans())
def test_no_json_value_makes_a_load_fail(tmp_path: Path, data: object, is_versioned: bool) -> None:
    path = tmp_path / "any.json"
    if is_versioned:
        pairs = {"a": data, "b": {"is_paused": True, "unacknowledged": data}}
        data = {"version": 1, "pairs": pairs, "clocks": data, "slaves": data}
    path.write_text(json.dumps(data))

    pair_state_file.load(path)
    tid_clock_file.load(path)


CLOCKS = SavedClocks(
    {
        "/master": TidClock((TidSample(Tid(1), 5.0), TidSample(Tid(2), 6.5))),
        "/empty": TidClock(),
        "/flushed": TidClock((), (FlushMark(Tid(3), 4.0),), restored_at=2.0),
    },
    {"/slave": SlaveTids(SlaveReading(Tid(1 << 63), 7.0), durable_tid=Tid(9), is_forked=True)},
)


def test_clocks_are_loaded_as_they_were_saved(tmp_path: Path) -> None:
    path = tmp_path / "clocks.json"

    tid_clock_file.save(path, CLOCKS)

    assert tid_clock_file.load(path) == tid_clock_file.LoadedClocks(CLOCKS)


def test_clock_of_many_days_is_saved_in_some_hundred_samples(tmp_path: Path) -> None:
    path = tmp_path / "clocks.json"
    samples = tuple(TidSample(Tid(n + 1), 1e9 + 30.0 * n) for n in range(4096))

    tid_clock_file.save(path, SavedClocks({"/master": TidClock(samples)}))

    loaded = tid_clock_file.load(path).saved.clocks["/master"].samples
    assert len(loaded) < 600
    assert (loaded[0], loaded[-1]) == (samples[0], samples[-1])
    now = samples[-1].at
    # No gap is longer than an interval or, if that is more, a hundredth of the age.
    assert all(
        newer.at - older.at <= max(30.0, (now - newer.at) / 100)
        for older, newer in pairwise(loaded)
    )


@pytest.mark.parametrize(
    "samples",
    [
        '[["0x1", "soon"]]',
        f'[["0x1", {HUGE}]]',
        '[["0x1", NaN]]',
        '[["0x1", 1e300]]',
        '[["zz", 1]]',
        '[["0x2", 1], ["0x1", 2]]',
        "[[1, 1]]",
        "[1]",
        "7",
        DEEP,
    ],
)
def test_damaged_clocks_are_reported_and_left_out(tmp_path: Path, samples: str) -> None:
    path = tmp_path / "clocks.json"
    path.write_text(f'{{"version": 1, "clocks": {{"/x": {samples}}}, "slaves": {{}}}}')

    loaded = tid_clock_file.load(path)

    assert loaded.saved == SavedClocks()
    assert str(path) in loaded.error
