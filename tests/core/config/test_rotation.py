"""Slaves that take turns are read in each form, and refused with all faults at once."""

import pytest

from hammerd.core.config.rotation import show_rotation
from hammerd.core.errors import ConfigError
from hammerd.core.pairs import NO_ROTATION, Endpoint, Rotation, slaves_of, turns_of
from tests.config_text import parse_config

ONE, OTHER = "0a1b2c3d-0000-1111-2222-333344445555", "ffffffff-0000-1111-2222-333344445555"
A, B, C = "/Backup2/pfs/a", "/Backup3/pfs/a", "/Backup4/pfs/a"


def pair_of(*lines: str, slave: str | None = A):
    keys = ["[pairs.a]", 'master = "/m"', *([f'slave = "{slave}"'] if slave else []), *lines]
    (pair,) = parse_config("\n".join(keys) + "\n", "test.toml").pairs
    return pair


@pytest.mark.parametrize(
    ("written", "rotation", "slaves"),
    [
        ("false", NO_ROTATION, [A]),
        ("true", Rotation(takes_turns=True), [A]),
        (f'["{B}"]', Rotation(takes_turns=True, paths=(A, B)), [A, B]),
        (f'["{B}/", "{A}"]', Rotation(takes_turns=True, paths=(B, A)), [B, A]),
        (
            f'["{ONE.upper()}", "{OTHER}"]',
            Rotation(takes_turns=True, unique_uuids=(ONE, OTHER)),
            [A],
        ),
        (
            f'["{ONE}", "{B}"]',
            Rotation(takes_turns=True, paths=(A, B), unique_uuids=(ONE,)),
            [A, B],
        ),
    ],
)
def test_rotation_is_read(written: str, rotation: Rotation, slaves: list[str]):
    pair = pair_of(f"rotate = {written}")

    assert (rotation, Endpoint(A)) == (pair.rotate, pair.slave)
    assert tuple(map(Endpoint, slaves)) == slaves_of(pair)
    assert [turn.slave for turn in turns_of(pair)] == [Endpoint(path) for path in slaves]


def test_first_path_is_the_slave_if_none_is_named():
    pair = pair_of(f'rotate = ["{B}", "{C}"]', slave=None)

    assert (Endpoint(B), (Endpoint(B), Endpoint(C))) == (pair.slave, slaves_of(pair))


@pytest.mark.parametrize(
    ("rotation", "uuid", "is_accepted"),
    [
        (NO_ROTATION, ONE, False),
        (Rotation(takes_turns=True), ONE, True),
        (Rotation(takes_turns=True, unique_uuids=(ONE,)), ONE.upper(), True),
        (Rotation(takes_turns=True, unique_uuids=(ONE,)), OTHER, False),
    ],
)
def test_slaves_are_limited_by_their_uuids_only(
    rotation: Rotation, uuid: str, *, is_accepted: bool
):
    assert rotation.accepts(uuid) is is_accepted


@pytest.mark.parametrize("written", ["true", "false"])
def test_rotation_is_shown_as_it_is_written(written: str):
    assert written == show_rotation(pair_of(f"rotate = {written}").rotate)


FAULTY = f"""
[pairs.a]
master = "/m"
slave = "{A}"
rotate = ["/m", "{B}", "{B}", "host:/x", "word", 3]

[pairs.b]
master = "/m"
slave = "root@far:/x"
rotate = true

[pairs.c]
master = "/m"
slave = "{C}"
rotate = []

[pairs.d]
master = "/m"
slave = "/d"
rotate = ["{C}", "/m"]

[pairs.e]
master = "/m"
rotate = true
"""


def test_all_faults_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_config(FAULTY, "test.toml")

    assert [str(fault).splitlines()[0] for fault in caught.value.faults] == [
        f'pairs.a.rotate: "{B}" is given twice (got an array)',
        'pairs.a.rotate: "host:/x" is on another host: only disks of this one take turns'
        " (got an array)",
        'pairs.a.rotate: "word" is no path and no unique-uuid (got an array)',
        "pairs.a.rotate: 3 must be a string (got an array)",
        "pairs.b.rotate: is for disks of this host, and the slave is on another one (got true)",
        "pairs.c.rotate: names no slave (got [])",
        'pairs.d.rotate: names the master "/m" as a slave (got an array)',
        "pairs.e.slave: is missing",
        'pairs.d.rotate: names /Backup4/pfs/a, which is the slave of pair "c" already'
        " (got an array)",
    ]
