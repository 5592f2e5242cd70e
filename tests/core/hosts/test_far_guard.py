"""The guard of a far slave as text: what a login shell may change must not occur in it."""

import pytest

from hammerd.core.hosts.far_guard import (
    PROGRAM,
    guard_words,
    lock_name,
    owner_word,
    shell_command,
)
from hammerd.core.hosts.forced_command import (
    FarEndpoint,
    RemotePrograms,
    authorized_keys_line,
    forced_command,
)

SLAVE, MASTER = FarEndpoint("/pfs/slave", is_slave=True), FarEndpoint("/pfs/m", is_slave=False)
MOST_CSH_CHARACTERS = 4000
"""Older csh(1) refuses a word of 4096 characters."""


@pytest.mark.parametrize(
    "text",
    [PROGRAM, forced_command("me", RemotePrograms(), [SLAVE, MASTER])],
    ids=("guard", "forced"),
)
def test_every_login_shell_passes_it_unchanged(text: str) -> None:
    inside = "".join(text.split("'")[1::2]) or text

    assert not set(inside) & set("'!\\\n\r")
    assert all(len(word) < MOST_CSH_CHARACTERS for word in text.split("'"))


def test_words_of_a_shell_command_have_single_blanks() -> None:
    command = shell_command("me", "/pfs/a", ("hammer", "-vv", "-2", "mirror-write", "/pfs/a"))

    assert command == f"{guard_words('me', '/pfs/a')} hammer -vv -2 mirror-write /pfs/a"
    assert "  " not in command


def test_an_owner_is_one_word_for_any_shell() -> None:
    assert owner_word("a.example", "/var/db/hammerd") == "a.example:/var/db/hammerd"
    assert owner_word("a b", "/x/$(id)'!") == "a_b:/x/__id___"


def test_each_slave_has_a_lock_of_its_own() -> None:
    paths = ["/pfs/a", "/pfs/ab", "/pfs-a", "/pfs//a", "/pfs/" + "a" * 900, "/pfs/" + "a" * 901]
    names = [lock_name(path) for path in paths]

    assert len(set(names)) == len(paths)
    assert all(len(name) < 100 and "/" not in name for name in names)
    assert names[0] == "hammerd-far.pfs-a.d72d8009e3fc5f7d"


def test_quotes_are_escaped_as_sshd_reads_them() -> None:
    line = authorized_keys_line('say "it"', "ssh-ed25519 AAAA root@here")

    assert line == 'restrict,command="say \\"it\\"" ssh-ed25519 AAAA root@here'
