"""hammerd authorized-keys prints one line for each other host, which sshd takes as it is."""

import json
from pathlib import Path

import pytest

from hammerd.core.hosts.far_guard import PROGRAM, lock_name
from tests.cli.conftest import RunHammerd

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI hammerd@here"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "id.pub").write_text(KEY + "\n")
    file = tmp_path / "hammerd.toml"
    file.write_text(
        f"[defaults]\nssh_user = 'root'\nssh_identity = '{tmp_path}/id'\n"
        "[pairs.home]\nmaster = 'office:/pfs/m'\nslave = 'backup:/pfs/s'\n"
        "[pairs.work]\nmaster = '/pfs/w'\nslave = 'Backup:/pfs/w'\n"
        "[pairs.off]\nmaster = '/pfs/o'\nslave = 'backup:/pfs/o'\nenabled = false\n"
        f"[pairs.other]\nmaster = '/pfs/k'\nslave = 'backup:/k'\nssh_identity = '{tmp_path}/k'\n"
        f"[pairs.inner]\nmaster = 'far:/a'\nslave = 'far:/b'\nssh_identity = '{tmp_path}/k'\n"
        "[pairs.local]\nmaster = '/pfs/l'\nslave = '/pfs/l2'\n"
    )
    return file


def test_each_other_host_has_a_line(hammerd: RunHammerd, config: Path) -> None:
    """The lines can be appended to authorized_keys as they are printed."""
    ran = hammerd("authorized-keys", "-c", config, "home")
    office, backup = (line for line in ran.out.splitlines() if not line.startswith("#"))

    assert (ran.code, ran.err) == (0, "")
    assert all(line.startswith('restrict,command="') for line in (office, backup))
    assert all(line.endswith(f'" {KEY}') for line in (office, backup))
    assert "ssh-remote mirror-read-stream /pfs/m;" in office
    assert lock_name("/pfs/s") not in office
    assert lock_name("/pfs/s") in backup


def test_a_line_is_for_all_pairs_of_its_key(hammerd: RunHammerd, config: Path) -> None:
    """Disabled pairs and those with another key are left out."""
    ran = hammerd("authorized-keys", "-c", config, "work", "--json")
    (key,) = json.loads(ran.out)["keys"]

    assert key["ends"] == [
        {"path": "/pfs/s", "role": "slave"},
        {"path": "/pfs/w", "role": "slave"},
    ]
    assert (key["host"], key["user"], key["public_key"]) == ("backup", "root", KEY)
    assert PROGRAM in key["command"]
    assert key["command"].replace('"', '\\"') in key["line"]


def test_both_ends_of_a_pair_on_one_host_share_a_line(hammerd: RunHammerd, config: Path) -> None:
    ran = hammerd("authorized-keys", "-c", config, "inner", "--json")
    (key,) = json.loads(ran.out)["keys"]

    assert key["ends"] == [{"path": "/a", "role": "master"}, {"path": "/b", "role": "slave"}]
    assert key["public_key"] is None


def test_a_missing_public_key_has_a_placeholder(hammerd: RunHammerd, config: Path) -> None:
    ran = hammerd("authorized-keys", "-c", config, "other")

    assert ran.code == 0
    assert ran.out.endswith('" PUT-THE-PUBLIC-KEY-HERE\n')
    assert f"# cannot read {config.parent}/k.pub: No such file or directory\n" in ran.out


@pytest.mark.parametrize(
    ("pair", "code", "message"),
    [
        ("local", 1, "hammerd: both ends of local are on this host, and no key is needed\n"),
        ("hom", 64, 'hammerd: no such pair: "hom" (did you mean "home"?)\n'),
    ],
)
def test_a_pair_without_keys_is_an_error(
    hammerd: RunHammerd, config: Path, pair: str, code: int, message: str
) -> None:
    ran = hammerd("authorized-keys", "-c", config, pair)

    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(message)
